"""Trackers beside a real training: they see every step, change nothing, and can be served later."""

from __future__ import annotations

import csv
import json
import threading
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.app.tracked_runs import SOON
from tests.house.process import TUNEWRIGHT, watched
from tunewright.app import flow, tracking
from tunewright.app.cli.main import main
from tunewright.app.project import Project, open_project
from tunewright.core import events
from tunewright.core.events import StepDone, silent
from tunewright.core.nouns import Run

STEPS = 6


@pytest.fixture
def recipe(tmp_path: Path, tiny_model_folder: Path) -> Path:
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        f"name: told\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        f"training: {{max_steps: {STEPS}, batch_size: 4, evaluate_every: 3}}\n",
        encoding="utf-8",
    )
    return path


def with_trackers(recipe: Path, trackers: str) -> Path:
    path = recipe.with_name("tracked.yaml")
    path.write_text(recipe.read_text() + f"output: {{trackers: {trackers}}}\n", encoding="utf-8")
    return path


def project_of(recipe: Path, home: str) -> Project:
    return open_project(recipe, home=recipe.parent / home)


def folder_of(project: Project, run: Run) -> Path:
    return project.workspace.runs / run.key[:12]


def losses(folder: Path) -> list[tuple[int, float]]:
    return [(event.step, event.loss) for event in events.read(folder / "events.jsonl") if isinstance(event, StepDone)]


def test_trackers_see_every_step_and_the_weights_are_those_without_them(recipe: Path) -> None:
    plain = flow.train(project_of(recipe, "plain"), silent)
    project = project_of(with_trackers(recipe, "[local, tensorboard]"), "tracked")
    run = flow.train(project, silent)
    assert (run.key, run.name) == (plain.key, plain.name)
    folder = folder_of(project, run)
    with (folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(int(row["step"]), float(row["loss"])) for row in table] == losses(folder)
    assert [row["step"] for row in table if row["validation_loss"]] == ["3", "6"]
    board = EventAccumulator(str(folder / "tensorboard"))
    board.Reload()
    assert [(each.step, each.value) for each in board.Scalars("loss")] == [
        (step, pytest.approx(loss)) for step, loss in losses(folder)
    ]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tracker ")]


def test_a_finished_run_can_be_shown_by_trackers_that_the_recipe_names_later(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = str(recipe.parent / "home")
    assert main(["train", str(recipe), "--home", home, "--quiet", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert main(["track", str(recipe), "--home", home, "--quiet"]) == 2
    assert "the recipe names no tracker" in capsys.readouterr().err
    recipe.write_text(recipe.read_text() + "output: {trackers: [local]}\n", encoding="utf-8")
    assert main(["track", str(recipe), "--home", home, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"run": document["run"], "trackers": {"local": STEPS}}
    assert (recipe.parent / "home" / "runs" / document["run"][:12] / "metrics.csv").exists()


def test_a_tracker_that_cannot_be_reached_is_told_and_the_run_is_done(
    recipe: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(tracking, "Pace", lambda: SOON)
    monkeypatch.setitem(tracking.deliver.__kwdefaults__, "pace", SOON)
    tracked = with_trackers(recipe, '[local, {type: mlflow, uri: "http://127.0.0.1:9"}]')
    home = recipe.parent / "home"
    assert main(["train", str(tracked), "--home", str(home)]) == 0
    told = capsys.readouterr().err
    assert f"local has {STEPS} of {STEPS} steps, mlflow has 0 of {STEPS} steps (MlflowException" in told
    (folder,) = (home / "runs").iterdir()
    assert f"tunewright track {folder}" in told
    assert main(["track", str(folder), "--quiet"]) == 3
    assert "mlflow (MlflowException" in capsys.readouterr().err


def test_nothing_to_track_is_the_users_mistake(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tracked = with_trackers(recipe, "[local]")
    assert main(["track", str(tracked), "--quiet"]) == 2
    assert "no run of this recipe has ended yet" in capsys.readouterr().err
    assert main(["train", str(recipe), "--set", "output.trackers=[nowhere]", "--quiet"]) == 2
    assert 'no tracker is called "nowhere"' in capsys.readouterr().err


def test_trackers_of_this_machine_reach_for_nothing(recipe: Path, tmp_path: Path) -> None:
    tracked = with_trackers(recipe, "[local, tensorboard, wandb]")
    seen = watched([TUNEWRIGHT, "train", tracked, "--json"], tmp_path / "watch")
    assert seen.exit_code == 0, seen.out
    assert {"wandb", "tensorboard"} <= seen.modules
    assert f"wandb has {STEPS} of {STEPS} steps" in seen.out
    assert seen.outbound == ()
