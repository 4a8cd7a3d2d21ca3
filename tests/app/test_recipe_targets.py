"""Recipes, runs and models on this machine as targets of `evaluate`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.pointed import ROWS, WAY, asked, by_name, lines, one_sentence
from tests.evaluate.judging.scripted import answer, server
from tunewright.core.errors import UserError
from tunewright.core.events import Event, Progress
from tunewright.core.nouns import Run
from tunewright.core.workspace import Workspace


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory, tiny_model_folder: Path) -> Path:
    """A folder with a recipe for the tiny model; what is trained there stays for the tests of this file."""
    folder = tmp_path_factory.mktemp("letters")
    lines(folder / "rows.jsonl", [{"text": f"thing {number}", "label": "ab"[number % 2]} for number in range(60)])
    (folder / "recipe.yaml").write_text(
        f"name: letters\nmodel: {{name: {tiny_model_folder}, precision: fp32}}\ndata: rows.jsonl\n"
        "training: {max_steps: 2, batch_size: 4}\nevaluate: {base_prompts: [bare]}\n"
        "gates:\n- {metric: loss, suite: test, at_most: 100}\n- {metric: f1, suite: labels_generated, at_least: 2}\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture
def recipe(letters: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Its recipe, in the current folder."""
    monkeypatch.chdir(letters)
    return letters / "recipe.yaml"


def runs_in(home: Path) -> list[Run]:
    return Workspace(home).records("runs", Run)


def test_a_recipe_its_run_its_model_and_others_on_its_rows(recipe: Path, tiny_model_folder: Path) -> None:
    home = recipe.parent / "home"
    with server(lambda _body, _number: answer("a")) as seen:
        by_recipe, tiny, far = asked(str(recipe), str(tiny_model_folder), f"{seen.url}#a", suites=())
    assert [by_recipe.verdict is not None, tiny.verdict, far.verdict] == [True, None, None]
    assert by_recipe.verdict is not None and [gate.passed for gate in by_recipe.verdict.gates] == [True, False]
    (run,) = runs_in(home)
    assert by_recipe.evaluation.model == run.name
    assert tiny.evaluation.names["base"] == by_recipe.evaluation.names["tuned"], "the first target is the base"
    rows = by_recipe.evaluation.suites["labels_generated"]["f1"].n
    assert far.evaluation.suites["labels_generated"]["f1"].n == rows == len(seen.asked)
    assert "heldout" in far.evaluation.unmeasured
    for folder in (home / "runs" / run.key[:12], home / "models" / run.name):
        (again,) = asked(str(folder), suites=())
        assert again.evaluation == by_recipe.evaluation
        assert again.verdict == by_recipe.verdict
    (data,) = asked(str(tiny_model_folder), suites=("heldout",), data=recipe)
    assert set(data.evaluation.suites) == {"heldout"}
    assert len(runs_in(home)) == 1, "nothing was trained for rows"


def test_suites_of_the_command_line_keep_the_gates_that_they_can_decide(recipe: Path) -> None:
    (one,) = asked(str(recipe), suites=("labels",))
    assert one.verdict is not None
    assert [gate.metric for gate in one.verdict.gates] == ["f1"]
    (other,) = asked(str(recipe), suites=("heldout",))
    assert other.verdict is not None
    assert [(gate.metric, gate.suite) for gate in other.verdict.gates] == [("loss", "test")]


@pytest.mark.parametrize(
    ("sets", "sentence"),
    [
        (("data.split.test=0",), "data.split.test: the dataset has no test rows to measure."),
        (("gates.0.metric=los",), 'gates.0.metric: no scorer is called "los". Did you mean "loss"?'),
        (("gates.1.suite=labells",), 'gates.1.suite: a gate names "labells", and nothing of that name is measured.'),
        (("gates.0.metric=bleu",), 'gates.0.metric: a gate names the metric "bleu", which test does not have.'),
        (("evaluate.suites=[{type: file, path: a.csv}]", "gates=[]"), 'file.path: no file is called "a.csv" here.'),
        (("evaluate.suites=[labels, labels]",), 'evaluate.suites: two suites have results called "labels"'),
    ],
)
def test_a_recipe_that_could_not_be_measured_is_refused_before_it_is_trained(
    recipe: Path, tmp_path: Path, sets: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(UserError) as caught:
        asked(str(recipe), suites=(), sets=sets, home=tmp_path / "new")
    one_sentence(caught.value, exit_code=2)
    assert sentence in str(caught.value)
    assert runs_in(tmp_path / "new") == []


def test_a_model_on_this_machine_beside_a_server(recipe: Path, tiny_model_folder: Path) -> None:
    lines(recipe.parent / "test.jsonl", ROWS)
    seen_events: list[Event] = []
    with server(by_name) as seen:
        tiny, good = asked(str(tiny_model_folder), f"{seen.url}#good", emit=seen_events.append)
    assert tiny.evaluation.suites[WAY]["exact_match"].base == 0.0
    assert good.evaluation.suites[WAY]["exact_match"].difference == 1.0
    assert good.evaluation.forward["tuned"] == "remote"
    counts = [event.done for event in seen_events if isinstance(event, Progress)]
    assert counts.count(len(ROWS)) == 2, "progress of each"
