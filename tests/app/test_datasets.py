"""From rows and texts to runs: what a real run of a tiny model leaves, and what expiry takes and refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tunewright import api
from tunewright.app import datasets, flow, lineage
from tunewright.app.project import Place, Project, open_project
from tunewright.app.retained import user_of
from tunewright.core.digest import short
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.nouns import Evaluation, Run
from tunewright.core.workspace import Workspace
from tunewright.data import retention
from tunewright.train.batches import Order

AFTER = 1_900_000_000.0
"""2030-03-17, in seconds since 1970."""
BEFORE = 1_890_000_000.0
"""2029-11-21."""
TEXT = "of the house"
"""In every row."""


def write_recipe(folder: Path, model: Path) -> Path:
    rows = [{"text": f"thing {number} of the house", "label": "ab"[number % 2]} for number in range(60)]
    rows.append(rows[4])
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {model}, precision: fp32}}\n"
        "data: {train: rows.jsonl, retention: {until: 2029-12-31, purpose: tests}}\n"
        "training: {max_steps: 10, batch_size: 8, seed: 3}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> tuple[Project, flow.Outcome]:
    project = open_project(write_recipe(tmp_path_factory.mktemp("run"), tiny_model_folder))
    return project, flow.run(project, silent)


@pytest.fixture
def own(tmp_path: Path, tiny_model_folder: Path) -> Project:
    """A project of one test, whose data are prepared."""
    project = open_project(write_recipe(tmp_path, tiny_model_folder))
    flow.prepare(project, silent)
    return project


def test_the_list_names_recipe_runs_and_terms(done: tuple[Project, flow.Outcome]) -> None:
    project, outcome = done
    (one,) = datasets.shelf(project.workspace).listed
    assert one.recipes == ("letters",)
    assert [use.run for use in one.uses] == [outcome.run.key]
    assert one.uses[0].report == str(outcome.report)
    assert [each.key for each in one.uses[0].evaluations] == [outcome.evaluation.key]
    assert one.entry.terms is not None
    assert one.entry.terms.until == "2029-12-31"


def test_show_has_its_files_and_finds_damage(own: Project) -> None:
    (entry,) = [each.entry for each in datasets.shelf(own.workspace).listed]
    assert datasets.show(own.workspace, entry.name[:8]).damage == ""
    (entry.folder / "checklist.json").write_text('{"enough_rows": "pass"}')
    (entry.folder / "samples.json").write_text("{}")
    shown = datasets.show(own.workspace, "letters")
    assert "samples.json: this file is damaged" in shown.damage
    assert shown.checklist == {"enough_rows": "pass"}
    assert shown.files["samples.json"] == 2


def test_a_training_row_is_traced_to_the_very_steps(done: tuple[Project, flow.Outcome]) -> None:
    project, outcome = done
    splits = outcome.dataset.receipt.splits
    order = Order(splits["train"], 8, 3)
    batches = {step: set(order.rows_of(step).tolist()) for step in range(1, 11)}
    seen = 0
    for line in range(1, 61):
        (traced,) = datasets.trace(project.workspace, f"rows.jsonl:{line}")
        (stands,) = traced.story.standing
        (sight,) = traced.sights[stands.id]
        assert (sight.run, sight.model) == (outcome.run.key, outcome.run.name)
        if stands.split != "train":
            assert (sight.role, sight.steps) == ("measured", ())
            assert [each.key for each in sight.evaluations] == [outcome.evaluation.key] * (stands.split == "test")
            continue
        assert sight.role == "trained"
        assert sight.steps == tuple(step for step, rows in batches.items() if stands.index in rows)
        seen += len(sight.steps)
    assert seen == sum(map(len, batches.values()))


def test_a_run_that_ended_early_has_not_met_every_row(done: tuple[Project, flow.Outcome]) -> None:
    project, outcome = done
    rows = outcome.dataset.receipt.splits["train"]
    short = outcome.run.model_copy(update={"steps": 2})
    met = [index for index in range(rows) if lineage.steps_with(short, index, rows=rows)]
    assert len(met) == 16
    as_given = short.model_copy(update={"used": {**short.used, "order": "as_given"}})
    assert [index for index in range(rows) if lineage.steps_with(as_given, index, rows=rows)] == list(range(16))
    assert project.workspace.records("runs", Run) == [outcome.run]


def test_a_duplicate_is_traced_to_the_runs_of_the_row_in_its_place(done: tuple[Project, flow.Outcome]) -> None:
    (traced,) = datasets.trace(done[0].workspace, "rows.jsonl:61")
    assert [event.reason for event in traced.story.events] == ["duplicate_of_train"]
    (instead,) = traced.story.instead
    assert instead.line == 5
    assert [sight.run for sight in traced.sights[instead.id]] == [done[1].run.key]


def test_who_saw_a_text(done: tuple[Project, flow.Outcome]) -> None:
    project, outcome = done
    traced = [datasets.trace(project.workspace, f"rows.jsonl:{line}")[0] for line in range(1, 61)]
    for each in traced[:20]:
        number = each.story.line - 1
        seen = datasets.find(project.workspace, f"THING {number} of")
        assert [found.count for found in seen.found] == [1]
        trained = each.story.standing[0].split == "train"
        uses = (seen.trained if trained else seen.measured)[outcome.dataset.name]
        assert [use.run for use in uses] == [outcome.run.key]
        assert (outcome.dataset.name in seen.trained) == trained


def test_an_unknown_row_and_an_empty_workspace_are_refused(done: tuple[Project, flow.Outcome], tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r'no data set knows the row "rows\.jsonl:999"'):
        datasets.trace(done[0].workspace, "rows.jsonl:999")
    for ask in (datasets.trace, datasets.find):
        with pytest.raises(UserError, match="this workspace has no data sets"):
            ask(Workspace(tmp_path), "rows.jsonl:1")
    assert datasets.shelf(Workspace(tmp_path)).listed == ()
    assert datasets.expire(Place(Workspace(tmp_path))) == []


def test_after_the_last_day_every_stage_refuses(own: Project) -> None:
    late = replace(own, clock=lambda: AFTER)
    run = flow.train(own, silent)
    for stage in (flow.prepare, flow.train, flow.evaluate, flow.run):
        with pytest.raises(UserError, match="until 2029-12-31, and today is 2030-03-17"):
            stage(late, silent)
    with pytest.raises(UserError, match="until 2029-12-31"):
        flow.dataset_of(late, run, emit=silent)


def test_a_recipe_without_terms_does_not_lift_those_of_another(own: Project) -> None:
    text = own.file.read_text().replace(", retention: {until: 2029-12-31, purpose: tests}", "")
    (own.folder / "free.yaml").write_text(text)
    free = open_project(own.folder / "free.yaml")
    assert flow.prepare(free, silent) == flow.prepare(own, silent)
    with pytest.raises(UserError, match=r"data set [0-9a-f]{12} was to be used until"):
        flow.prepare(replace(free, clock=lambda: AFTER), silent)


def test_terms_are_changed_without_preparing_again(own: Project) -> None:
    file = own.file.read_text()
    own.file.write_text(file.replace("2029-12-31", "2031-12-31"))
    made = datasets.shelf(own.workspace).listed[0].entry.opened().made_at
    version = flow.prepare(replace(open_project(own.file), clock=lambda: BEFORE), silent)
    assert version.made_at == made
    flow.prepare(replace(open_project(own.file), clock=lambda: AFTER), silent)
    (one,) = datasets.shelf(own.workspace).listed
    assert one.entry.terms is not None
    assert (one.entry.terms.until, one.entry.terms.recipe) == ("2031-12-31", "letters")


def test_only_those_named_may_use_it(own: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    own.file.write_text(own.file.read_text().replace("purpose: tests", "allowed: [team-a]"))
    monkeypatch.setenv("TUNEWRIGHT_USER", "team-b")
    with pytest.raises(UserError, match='may be used by team-a, and you are "team-b"'):
        flow.prepare(open_project(own.file), silent)
    monkeypatch.setenv("TUNEWRIGHT_USER", "team-a")
    flow.prepare(open_project(own.file), silent)


def test_who_is_at_work() -> None:
    assert user_of({"TUNEWRIGHT_USER": "ann"}) == "ann"
    assert user_of({}) != ""


def test_expiry_deletes_refuses_and_tells_what_remains(own: Project) -> None:
    outcome = flow.run(own, silent)
    (own.workspace.cache / "written").mkdir(parents=True)
    late = Place(own.workspace, clock=lambda: AFTER)
    assert datasets.expire(Place(own.workspace)) == []
    (stone,) = datasets.expire(late)
    assert stone.splits == outcome.dataset.receipt.splits
    folder = f"runs/{short(outcome.run.key)}"
    gone = {
        f"evaluations/{outcome.evaluation.key}",
        *(f"{folder}/report.{ending}" for ending in ("html", "md", "json")),
    }
    assert gone < set(stone.removed)
    assert {"cache/written", f"{folder}/events.jsonl"} < set(stone.remains)
    assert not any((own.workspace.home / path).exists() for path in stone.removed)
    assert all((own.workspace.home / path).exists() for path in stone.remains)
    assert (stone.runs, stone.models) == ((outcome.run.key,), (outcome.run.name,))
    assert datasets.expire(late) == []
    for stage in (flow.prepare, flow.train, flow.evaluate):
        with pytest.raises(UserError, match="is deleted since 2030-03-17"):
            stage(own, silent)
    (listed,) = datasets.shelf(own.workspace).listed
    assert (listed.entry.whole, listed.recipes, len(listed.uses)) == (False, ("letters",), 1)
    assert datasets.find(own.workspace, "thing").unread == {stone.name: "deleted: it was to be used until 2029-12-31"}
    with pytest.raises(UserError, match="is deleted since"):
        datasets.diff(own.workspace, a=stone.name, b=stone.name, examples=1)
    assert datasets.show(own.workspace, stone.name).listed.entry.tombstone == stone
    (kept,) = own.workspace.records("evaluations", Evaluation)
    assert kept == outcome.evaluation.model_copy(update={"examples": (), "best": (), "worst": ()})
    assert kept != outcome.evaluation
    assert (own.workspace.models / outcome.run.name).is_dir()


def test_after_expiry_no_file_holds_the_text_of_a_row(own: Project) -> None:
    flow.run(own, silent)
    assert len(files_with(own.workspace, TEXT)) > 5
    datasets.expire(Place(own.workspace, clock=lambda: AFTER))
    assert files_with(own.workspace, TEXT) == []
    line = (own.workspace.home / "retention.jsonl").read_text().splitlines()[-1]
    assert {"removed", "remains", "runs", "models"} < set(json.loads(line))


def test_expiry_that_was_cut_off_before_the_answers_went_is_finished(own: Project) -> None:
    outcome = flow.run(own, silent)
    late = Place(own.workspace, clock=lambda: AFTER)
    workspace, name = own.workspace, outcome.dataset.name
    retention.expire(workspace, name, version=outcome.dataset, now=late.now(), user="ann")
    assert len(files_with(workspace, TEXT)) > 0
    (stone,) = datasets.expire(late)
    assert files_with(workspace, TEXT) == []
    assert f"evaluations/{outcome.evaluation.key}" in stone.removed
    assert stone.splits == outcome.dataset.receipt.splits
    assert datasets.expire(late) == []


def test_answers_about_other_rows_stay(own: Project) -> None:
    outcome = flow.run(own, silent)
    (own.folder / "others.jsonl").write_text((own.folder / "rows.jsonl").read_text().replace("thing", "matter"))
    text = own.file.read_text().replace("rows.jsonl, retention: {until: 2029-12-31, purpose: tests}", "others.jsonl")
    (own.folder / "others.yaml").write_text(text)
    other = flow.run(open_project(own.folder / "others.yaml"), silent)
    before = set((own.workspace.evaluations / "sheets").glob("*.parquet"))
    (stone,) = datasets.expire(Place(own.workspace, clock=lambda: AFTER))
    after = set((own.workspace.evaluations / "sheets").glob("*.parquet"))
    assert set() < after < before
    assert stone.name == outcome.dataset.name != other.dataset.name
    assert (own.workspace.evaluations / other.evaluation.key).is_dir()
    assert other.report.is_file()
    assert other.evaluation in own.workspace.records("evaluations", Evaluation)


def files_with(workspace: Workspace, text: str) -> list[Path]:
    """Files of a workspace that hold a text, Parquet files by their values."""
    files = sorted(each for each in workspace.home.rglob("*") if each.is_file())
    return [path for path in files if text in content_of(path)]


def content_of(path: Path) -> str:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist())
    return path.read_bytes().decode("latin1")


def test_what_is_named_and_not_due_is_refused(own: Project) -> None:
    (one,) = datasets.shelf(own.workspace).listed
    with pytest.raises(UserError, match="does not expire: it may be used until 2029-12-31"):
        datasets.expire(Place(own.workspace), names=[one.entry.name[:12]])


def test_the_same_from_python(done: tuple[Project, flow.Outcome], tmp_path: Path) -> None:
    project, outcome = done
    name = outcome.dataset.name[:12]
    assert api.datasets(project) == api.datasets(project.workspace.home) == datasets.shelf(project.workspace)
    assert api.show_dataset(project, name).damage == ""
    assert api.diff_datasets(project, a=name, b=name).same == 60
    assert api.trace_row(project, "rows.jsonl:1", names=[name])[0].dataset == outcome.dataset.name
    assert api.find_text(project, "of the house", limit=3).found[0].count == 60
    assert api.export_openlineage(project, tmp_path / "events.jsonl") == 2
    assert api.expire_datasets(project) == []
    assert len(api.open_dataset(project, outcome.dataset).split("train")) == 48
    with pytest.raises(UserError, match="until 2029-12-31"):
        api.open_dataset(replace(project, clock=lambda: AFTER), outcome.dataset)


def test_report_and_review_from_python(own: Project, tmp_path: Path) -> None:
    version = api.prepare(own)
    report = api.write_data_report(own, version, path=tmp_path / "data.html")
    assert "letters" in report.read_text(encoding="utf-8")
    assert api.write_data_report(own, version).parent == own.workspace.datasets / version.name
    assert all(finding.sentence for finding in api.check_data(own, version))
    with pytest.raises(UserError, match="a report is an HTML file"):
        api.write_data_report(own, version, path=tmp_path / "data.txt")
    review = api.open_review(own, sample=2, seed=1)
    state: dict[str, Any] | None = review.state("ann")
    while state is not None and state["row"] is not None:
        given = {"verdict": "reject", "rating": 1, "answer": None}
        state = review.decide("ann", row=state["row"], given=given)
    assert (api.review_summary(own).rejected, len(api.review_decisions(own))) == (2, 2)
    own.file.write_text(
        own.file.read_text().replace("train: rows.jsonl", "train: rows.jsonl, steps: [deduplicate, review]")
    )
    after = api.prepare(open_project(own.file))
    assert after.receipt.rows.dropped == {"review.rejected": 2}
    with pytest.raises(UserError, match="until 2029-12-31"):
        api.write_data_report(replace(own, clock=lambda: AFTER), version)
