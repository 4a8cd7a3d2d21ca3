"""The verb `combine`: two runs over one base become one adapter that can be used again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewright.app import flow
from tunewright.app.cli.main import main
from tunewright.app.project import Project, open_project
from tunewright.core.errors import EXIT_DONE, EXIT_USER
from tunewright.core.events import silent
from tunewright.models.start import start_folder
from tunewright.models.version import is_whole, read_model_version


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> tuple[Project, list[str]]:
    """Folders of three runs: two over one base, one with another template."""
    folder = tmp_path_factory.mktemp("combined")
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(40)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        "method: {type: lora, rank: 4}\ntraining: {max_steps: 2, batch_size: 4, learning_rate: 1e-2}\n",
        encoding="utf-8",
    )
    found: list[str] = []
    for sets in (["training.seed=1"], ["training.seed=2"], ["model.template=alpaca"]):
        project = open_project(path, sets=sets, home=folder / "home")
        found.append(str(project.workspace.runs / flow.train(project, silent).key[:12]))
    return open_project(path, home=folder / "home"), found


def test_two_runs_become_one_model_version_that_training_can_go_on_from(
    runs: tuple[Project, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    project, (one, other, _) = runs
    words = ["combine", one, other, "--weight", "0.7", "--weight", "0.3", "--quiet"]
    assert main([*words, "--json"]) == EXIT_DONE
    document = json.loads(capsys.readouterr().out)
    folder = Path(document["folder"])
    version = read_model_version(folder)
    assert is_whole(folder) and version.name == document["model"]["name"]
    assert version.form == "combined-linear"
    assert version.parents == tuple(json.loads((Path(each) / "run.json").read_text())["name"] for each in (one, other))
    assert main(words) == EXIT_DONE
    assert capsys.readouterr().out.startswith("2 adapters as one (linear): ")
    again = open_project(
        project.file,
        sets=[
            f"model.start_from={start_folder(str(folder), folder=folder, workspace=project.workspace)}",
            "method.rank=8",
            "method.alpha=8",
        ],
        home=project.workspace.home,
    )
    assert flow.train(again, silent).steps == 2


@pytest.mark.parametrize(
    ("chosen", "more", "says"),
    [
        ([0], [], "1 models and 1 weights do not go together"),
        ([0, 1], ["--weight", "1"], "2 models and 1 weights do not go together"),
        ([0, 2], [], "trained on different bases or templates"),
    ],
)
def test_what_does_not_go_together_is_told(
    chosen: list[int], more: list[str], says: str, runs: tuple[Project, list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["combine", *(runs[1][at] for at in chosen), *more, "--quiet"]) == EXIT_USER
    assert says in capsys.readouterr().err
