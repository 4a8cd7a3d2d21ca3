"""The record of an evaluation: its name is that of what was found, and says nothing of when, where and by whom."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.fakes import FakeSplit, RuleModel, is_chatty, labelled_rows, local, reads_label, scorers, suite
from tests.evaluate.fakes import task as task_of
from tunewright.core.answers import AnsweredRow
from tunewright.core.events import silent
from tunewright.core.nouns import Comparison, Evaluation
from tunewright.core.ports import Row
from tunewright.evaluate.bench import Task
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.evaluate import Models, evaluate
from tunewright.evaluate.record import corrected
from tunewright.evaluate.store import answers_digest


def rows_with_places() -> list[Row]:
    return [replace(row, source="rows.jsonl", line=number) for number, row in enumerate(labelled_rows(24, start=90), 1)]


def found(
    folder: Path,
    *,
    change: Callable[[Task], Task] = lambda task: task,
    said: Callable[[str], str] = reads_label,
    names: Sequence[str] = ("base", "tuned"),
    **keys: Any,
) -> Evaluation:
    """An evaluation of three suites on rows with their places in files."""
    splits = {"train": FakeSplit(labelled_rows(60)), "test": FakeSplit(rows_with_places())}
    base, tuned = (
        replace(local(model), name=name)
        for model, name in zip((RuleModel(is_chatty, sure=0.4), RuleModel(said)), names, strict=True)
    )
    work = replace(task_of(folder, splits=splits, **keys), scorers=scorers())
    suites = [suite("heldout"), suite("labels"), suite("contamination")]
    return evaluate(suites, Models(base, tuned), task=change(work), emit=silent)


CHANGES: dict[str, Callable[[Task], Task]] = {
    "time": lambda task: replace(task, made_at="1970-01-01T00:00:00Z"),
    "clock": lambda task: replace(task, clock=iter(range(0, 10**9, 977)).__next__),
    "key": lambda task: replace(task, key="another"),
    "sheets": lambda task: replace(task, sheets=task.folder / "sheets"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_name_does_not_depend_on(tmp_path: Path, what: str) -> None:
    assert found(tmp_path / "a").name == found(tmp_path / "b", change=CHANGES[what]).name


def test_the_name_does_not_depend_on_the_folder_nor_on_what_models_are_called(tmp_path: Path) -> None:
    first = found(tmp_path / "a" / "long" / "way", names=("one", "other"))
    again = found(tmp_path / "b", names=("base", "tuned"))
    assert first.name == again.name
    assert first.names != again.names
    assert str(tmp_path) not in first.model_dump_json()


def test_an_evaluation_that_was_moved_is_the_same(tmp_path: Path) -> None:
    made = found(tmp_path / "a")
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert Evaluation.model_validate_json((tmp_path / "b" / "evaluation.json").read_text()) == made


OTHERS: dict[str, dict[str, Any]] = {
    "one answer": {"said": lambda prompt: "skin" if "case 91:" in prompt else reads_label(prompt)},
    "fewer rows": {"max_rows": 20},
    "another base prompt": {"base_prompts": ("bare",)},
}


@pytest.mark.parametrize("what", OTHERS)
def test_the_name_depends_on(tmp_path: Path, what: str) -> None:
    assert found(tmp_path / "a").name != found(tmp_path / "b", **OTHERS[what]).name


def test_the_model_and_the_dataset_are_in_the_name(tmp_path: Path) -> None:
    first = found(tmp_path / "a")
    other = found(tmp_path / "b", change=lambda task: replace(task, model="n" * 64))
    assert first.name != other.name
    assert (first.parents[0], other.parents[0]) == ("m" * 64, "n" * 64)


def test_the_digest_of_answers_knows_way_model_style_row_and_text() -> None:
    def digest(**keys: Any) -> str:
        row = AnsweredRow(Row(keys.pop("row", "r"), ()), keys.pop("answer", "a"), predicted=keys.pop("predicted", None))
        values: dict[str, Any] = {"way": "w", "prompt": "bare", "base": [row], "base_same_prompt": [row], "tuned": None}
        return answers_digest([Measured(**(values | keys))])

    changes = [{}, {"row": "s"}, {"answer": "b"}, {"predicted": ""}, {"way": "v"}, {"prompt": "examples"}]
    assert len({digest(**each) for each in changes}) == len(changes)


def test_p_values_are_corrected_over_all_metrics_of_all_ways() -> None:
    def one(p: float | None) -> Comparison:
        return Comparison(base=0.1, base_same_prompt=0.1, tuned=0.2, n=9, p=p)

    made = corrected({"a": {"x": one(0.01), "y": one(None)}, "b": {"x": one(0.04), "y": one(0.02)}})
    values = {(way, name): each.p_holm for way, metrics in made.items() for name, each in metrics.items()}
    assert values == {
        ("a", "x"): pytest.approx(0.03),
        ("a", "y"): None,
        ("b", "y"): pytest.approx(0.04),
        ("b", "x"): pytest.approx(0.04),
    }
    assert corrected({}) == {}


def test_examples_are_drawn_with_the_seed_and_best_and_worst_belong_to_a_way(tmp_path: Path) -> None:
    first, other = found(tmp_path / "a"), found(tmp_path / "b", seed=5)
    assert [each.row for each in first.examples] != [each.row for each in other.examples]
    assert first.extremes_way == "labels_generated.accuracy"
    assert len(first.best) == len(first.worst) == 10
    places = {f"rows.jsonl:{line}" for line in range(1, 25)}
    assert {each.source for each in (*first.best, *first.worst, *first.examples)} <= places
