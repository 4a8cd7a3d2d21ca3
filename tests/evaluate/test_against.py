"""Which rows a gate names when it is not met: whole evaluations with models that answer by rule."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.evaluate.fakes import FakeSplit, RuleModel, labelled_rows, last_turn, models_of, reads_label, scorer, suite
from tests.evaluate.fakes import task as task_of
from tunewright.core.events import silent
from tunewright.core.nouns import Evaluation
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.gates import decide, problems
from tunewright.evaluate.store import read_answers
from tunewright.recipe.gates import GateOptions


def wrong_on(*numbers: int) -> RuleModel:
    """Reads the label, but says something else for these cases."""
    return RuleModel(lambda prompt: "nothing" if number_of(prompt) in numbers else reads_label(prompt))


def number_of(prompt: str) -> int:
    return int(last_turn(prompt).split("case ")[1].split(":")[0])


def rows_of(
    folder: Path,
    gate: dict[str, Any],
    *,
    base: RuleModel,
    tuned: RuleModel | None,
    name: str = "labels",
    count: int = 24,
) -> tuple[list[int], Evaluation]:
    """Numbers of the cases that a gate names; 24 test rows, cases 90 to 113."""
    splits = {"train": FakeSplit(labelled_rows(30)), "test": FakeSplit(labelled_rows(count, start=90))}
    made = suite(name, scorers=(gate["metric"],))
    work = replace(
        task_of(folder, splits=splits, base_prompts=("bare",)), scorers={gate["metric"]: scorer(gate["metric"])}
    )
    evaluation = evaluate([made], models_of(base, tuned), task=work, emit=silent)
    given: dict[str, Any] = {"suite": name} | gate
    asked = GateOptions(**given)
    verdict = decide([asked], evaluation, answers=read_answers(folder), scorers={asked.metric: scorer(asked.metric)})
    ids = {row.id: 90 + place for place, row in enumerate(labelled_rows(count, start=90))}
    assert not verdict.passed
    (problem,) = problems(verdict, evaluation)
    assert "\n" not in problem.sentence()
    return [ids[each] for each in verdict.gates[0].rows], evaluation


@pytest.mark.parametrize("metric", ["accuracy", "f1", "f1_micro", "recall", "precision_micro"])
def test_the_rows_that_are_wrong_are_named_whatever_the_metric_is_made_of(tmp_path: Path, metric: str) -> None:
    gate = {"metric": metric, "at_least": 0.99}
    said = RuleModel(lambda prompt: "heart" if number_of(prompt) in (92, 100, 110) else reads_label(prompt))
    named, _ = rows_of(tmp_path, gate, base=wrong_on(), tuned=said)
    assert sorted(named) == [92, 100, 110]


def test_rows_that_lost_to_the_base_are_named_and_ties_are_not(tmp_path: Path) -> None:
    gate = {"metric": "accuracy", "not_worse_than": "base"}
    named, _ = rows_of(tmp_path, gate, base=wrong_on(91, 95, 99), tuned=wrong_on(91, 97, 98, 101, 103))
    assert named == [97, 98, 101, 103], "91 is wrong for both, 95 and 99 were gained"


def test_rows_without_a_gain_are_named_where_a_gain_was_asked(tmp_path: Path) -> None:
    gate = {"metric": "accuracy", "better_than": "base", "margin": 0.2}
    named, _ = rows_of(tmp_path, gate, base=wrong_on(95, 99), tuned=wrong_on(97))
    assert named[0] == 97
    assert not {95, 99} & set(named)
    assert len(named) == 10


def test_the_largest_losses_come_first(tmp_path: Path) -> None:
    gate = {"metric": "loss", "at_most": 0.01}
    named, _ = rows_of(tmp_path, gate, base=wrong_on(), tuned=wrong_on(94, 107), name="heldout")
    assert named[:2] == [94, 107]


def test_losses_of_tokens_are_held_against_the_base_row_by_row(tmp_path: Path) -> None:
    gate = {"metric": "loss", "not_worse_than": "base", "margin": "2%"}
    named, _ = rows_of(tmp_path, gate, base=wrong_on(93), tuned=wrong_on(93, 94, 107), name="heldout")
    assert sorted(named[:2]) == [94, 107]
    assert 93 not in named


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_where_all_is_wrong_rows_are_named(tmp_path: Path, metric: str) -> None:
    named, _ = rows_of(tmp_path, {"metric": metric, "at_least": 0.5}, base=wrong_on(), tuned=RuleModel(lambda _: "x"))
    assert named == list(range(90, 100))


@pytest.mark.parametrize("metric", ["accuracy", "f1"])
def test_where_all_is_right_and_rows_are_too_few_none_is_named(tmp_path: Path, metric: str) -> None:
    named, evaluation = rows_of(
        tmp_path, {"metric": metric, "at_least": 0.99}, base=wrong_on(), tuned=wrong_on(), count=6
    )
    assert named == []
    assert evaluation.suites["labels_generated"][metric].tuned == 1


def test_a_limit_names_rows_on_its_own_side_whatever_is_better(tmp_path: Path) -> None:
    """`loss` at least: odd, but it can be asked; the smallest losses speak against it."""
    gate = {"metric": "loss", "at_least": 50}
    named, _ = rows_of(tmp_path, gate, base=wrong_on(), tuned=wrong_on(94, 107), name="heldout")
    assert named and not {94, 107} & set(named)


def test_long_answers_are_named_where_length_is_limited(tmp_path: Path) -> None:
    long = RuleModel(lambda prompt: "lungs " * (1 + (number_of(prompt) == 99)))
    named, _ = rows_of(tmp_path, {"metric": "length", "at_most": 0.5}, base=wrong_on(), tuned=long, name="answers")
    assert named[0] == 99


def test_the_base_at_its_best_has_rows_too(tmp_path: Path) -> None:
    gate = {"metric": "accuracy", "suite": "labels_best", "not_worse_than": "base"}
    named, evaluation = rows_of(tmp_path, gate, base=wrong_on(91), tuned=wrong_on(97, 98))
    assert "labels_best" in evaluation.suites
    assert named == [97, 98]


def test_a_model_alone_names_its_own_rows(tmp_path: Path) -> None:
    named, _ = rows_of(tmp_path, {"metric": "accuracy", "at_least": 0.99}, base=wrong_on(100, 105), tuned=None)
    assert named == [100, 105]
