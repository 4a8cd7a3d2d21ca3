"""The verb `compare-methods`: real runs of several methods and bases on a tiny model, and what is refused or fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tunewright.app.cli import method_tables
from tunewright.app.cli.main import main
from tunewright.app.comparing_methods import Asked, ComparedMethods, compare_methods
from tunewright.app.contenders import contenders
from tunewright.app.own_command import Ended, carry_out
from tunewright.app.pace import pace_of
from tunewright.app.project import open_project
from tunewright.core.errors import EXIT_DONE, UserError
from tunewright.core.events import Event, Note, silent
from tunewright.core.nouns import Evaluation, Run
from tunewright.core.workspace import Workspace
from tunewright.recipe.recipe import Recipe
from tunewright.stats.multiple import holm


def write_recipe(folder: Path, model: Path) -> Path:
    rows = [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(60)]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    path = folder / "recipe.yaml"
    path.write_text(
        f"name: letters\nmodel: {{name: {model}, precision: fp32}}\ndata: rows.jsonl\n"
        "method: {type: lora, rank: 4}\ntraining: {batch_size: 4}\nevaluate: {suites: [labels]}\n",
        encoding="utf-8",
    )
    return path


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    return write_recipe(tmp_path_factory.mktemp("methods"), tiny_model_folder)


def recipe_of(path: Path, *sets: str) -> Recipe:
    return open_project(path, sets=sets).recipe


def asked(path: Path, *methods: str, **more: object) -> Asked:
    return Asked(path, methods=methods, home=path.parent / "home", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def compared(recipe: Path) -> ComparedMethods:
    """Two methods that work and one whose rank cannot be."""
    return compare_methods(asked(recipe, "recipe,full", "lora:rank=0", steps=2), silent)


def test_methods_are_trained_and_measured_and_one_that_fails_is_a_row(compared: ComparedMethods, recipe: Path) -> None:
    table = compared.table
    assert [row.label for row in table.rows] == ["lora (recipe)", "full", "lora:rank=0"]
    lora, full, broken = table.rows
    assert broken.quality is None and "method.rank" in broken.error and broken.steps is None
    assert (lora.steps, full.steps) == (2, 2)
    assert full.trained_parameters is not None and lora.trained_parameters is not None
    assert full.trained_parameters > lora.trained_parameters > 0
    assert full.learning_rate != lora.learning_rate and not full.rate_is_fixed
    assert (table.way, table.metric) == ("labels_best", "accuracy")
    for row in (lora, full):
        assert row.quality is not None and row.quality.interval is not None and row.quality.tuned_interval is not None
        assert row.peak_memory_bytes and row.train_s and row.tokens_per_s and row.disk_bytes
    workspace = Workspace(recipe.parent / "home")
    run = workspace.find_record("runs", full.run, Run)
    assert run is not None and run.recipe["method"]["type"] == "full"
    folder = workspace.models / run.name
    assert full.disk_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def test_pairs_are_those_of_compare_and_corrected_together(compared: ComparedMethods, recipe: Path) -> None:
    (pair,) = compared.table.pairs
    lora, full, _ = compared.table.rows
    assert (pair.a, pair.b) == ("lora (recipe)", "full")
    assert lora.quality and full.quality and lora.quality.tuned is not None and full.quality.tuned is not None
    assert pair.difference == pytest.approx(full.quality.tuned - lora.quality.tuned)
    assert pair.p is not None and pair.p_holm == holm([pair.p])[0]
    assert pair.n == lora.quality.n


def test_the_page_has_table_and_picture_and_no_reference_outside(compared: ComparedMethods) -> None:
    page = compared.page.read_text(encoding="utf-8")
    assert page.count("<svg") == 1 and "lora:rank=0" in page and "failed: " in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")
    text = compared.page.with_suffix(".md").read_text(encoding="utf-8")
    assert text.count("\n| ") >= 7 and "not the metric" not in text
    assert json.loads(compared.page.with_suffix(".json").read_text(encoding="utf-8"))["metric"] == "accuracy"


def test_nothing_is_trained_twice_and_general_text_is_measured_when_asked(
    compared: ComparedMethods, recipe: Path
) -> None:
    workspace = Workspace(recipe.parent / "home")
    before = {run.key: run.made_at for run in workspace.records("runs", Run)}
    more = ("general:parts=text,max_rows=8",)
    again = compare_methods(asked(recipe, "recipe", "full", steps=2, forgetting=more), silent)
    assert {run.key: run.made_at for run in workspace.records("runs", Run)} == before
    assert [row.run for row in again.table.rows] == [row.run for row in compared.table.rows[:2]]
    for row in again.table.rows:
        assert row.forgetting is not None and row.forgetting.interval is not None
        assert row.forgetting.direction == "lower" and row.forgetting.n == 8


def test_minutes_become_steps_by_each_methods_own_pace_which_is_kept(recipe: Path) -> None:
    seen: list[Event] = []
    how = asked(recipe, "recipe", "ia3", minutes=0.002)
    found = compare_methods(how, seen.append).table
    for row in found.rows:
        assert row.error == "" and row.pace_s and row.steps == max(1, int(0.12 / row.pace_s))
    assert found.budget.startswith("0.002 minutes of training steps each")
    assert next(each.text for each in seen if isinstance(each, Note)).startswith("Data for ")
    workspace = Workspace(recipe.parent / "home")
    project = open_project(recipe, sets=["method=ia3"], home=workspace.home)
    assert pace_of(project, ["method=ia3", "data.train=none"]).step_s == found.rows[1].pace_s
    assert not [each for each in (workspace.cache / "pace").iterdir() if each.is_dir()]


def test_two_models_and_one_rate_for_all_are_said(
    recipe: Path, tiny_model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = recipe.parent / "other"
    shutil.copytree(tiny_model_folder, other, dirs_exist_ok=True)
    words = ["compare-methods", str(recipe), "--models", f"{tiny_model_folder},{other},{recipe.parent / 'none'}"]
    words += ["--steps", "1", "--metric", "labels.accuracy", "--set", "training.learning_rate=1e-3", "--quiet"]
    page = recipe.parent / "page.html"
    assert main([*words, "--home", str(recipe.parent / "home"), "--out", str(page), "--json"]) == EXIT_DONE
    document = json.loads(capsys.readouterr().out)
    assert document.pop("page") == str(page) and page.exists()
    assert document == json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    names = [row["label"] for row in document["rows"]]
    assert names == [f"lora (recipe) · {name}" for name in (tiny_model_folder.name, "other", "none")]
    assert [bool(row["error"]) for row in document["rows"]] == [False, False, True]
    assert any("fixes one learning rate (0.001) for all, which is unfair" in note for note in document["notes"])
    assert document["way"] == "labels_generated" and len(document["pairs"]) == 1


def test_the_table_for_people_says_what_failed(compared: ComparedMethods, capsys: pytest.CaptureFixture[str]) -> None:
    method_tables.methods(compared.table)
    shown = capsys.readouterr().out
    assert "lora:rank=0 failed: " in shown and "Peak memory" in shown and "Each against each" in shown


def test_what_no_method_can_do_is_refused_before_anything_trains(recipe: Path) -> None:
    for words, said in (
        ({"methods": ("lroa", "full")}, 'no method and no preset is called "lroa". Did you mean "lora"?'),
        ({"methods": ("lora",)}, "there is one method over one model"),
        ({"methods": ("lora", "lora")}, "lora is named twice"),
        ({"methods": ("lora:rank", "full")}, "a key needs a value"),
        ({"methods": ("lora", "full"), "steps": 1, "minutes": 1.0}, "two budgets"),
        ({"methods": ("lora", "full"), "page": Path("x.txt")}, "the page is HTML"),
        ({"methods": ("lora", "full"), "metric": "labels.bleu"}, 'nothing measures "labels.bleu"'),
        ({"methods": ("lora", "full"), "sets": ("data.train=none.jsonl",)}, "none.jsonl"),
    ):
        with pytest.raises(UserError, match=said.replace(".", r"\.").replace("?", r"\?")):
            compare_methods(Asked(recipe, home=recipe.parent / "fresh", **words), silent)  # type: ignore[arg-type]
    assert Workspace(recipe.parent / "fresh").records("runs", Run) == []
    assert Workspace(recipe.parent / "fresh").records("evaluations", Evaluation) == []


def test_overrides_make_the_method_that_was_named(recipe: Path) -> None:
    names = ("lora:rank=8", "bottleneck:reduction=8", "dora", "qlora:training.learning_rate=1e-4")
    made = contenders(recipe_of(recipe, "preset=rslora"), names, models=())
    found = [recipe_of(recipe, "preset=rslora", *each.sets) for each in made]
    assert [one.method.type for one in found] == ["lora", "bottleneck", "lora", "lora"]
    assert (found[0].method.rank, found[0].method.scaling) == (8, "rank_stabilised")
    assert found[1].method.reduction == 8 and found[1].preset == ()
    assert found[2].method.decomposition == "dora" and found[2].method.scaling != "rank_stabilised"
    assert found[3].model.weights == "nf4" and found[3].training.learning_rate == 1e-4


def test_a_process_that_the_system_ends_is_said(tmp_path: Path) -> None:
    ended = Ended(-9, {})
    assert ended.error == "the system ended this (SIGKILL); mostly there is not enough memory."
    wrong = carry_out(["train", str(tmp_path / "none.yaml")])
    assert wrong.code == 2 and "there is no such recipe" in wrong.error
