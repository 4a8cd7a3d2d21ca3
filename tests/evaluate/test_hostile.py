"""Evaluations of rows and answers that nobody hopes for: one row, all ties, no numbers, unknown labels, a megabyte."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluate.fakes import (
    FakeSplit,
    RuleModel,
    is_chatty,
    labelled,
    labelled_rows,
    models_of,
    reads_label,
    scorers,
    suite,
)
from tests.evaluate.fakes import task as task_of
from tunewright.core.errors import UserError
from tunewright.core.events import Note, silent
from tunewright.core.language_model import Scored, ScoreItem
from tunewright.core.nouns import Comparison, Evaluation
from tunewright.core.ports import Row
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.gates import decide
from tunewright.evaluate.store import read_answers
from tunewright.recipe.gates import GateOptions


def found(
    folder: Path,
    rows: Sequence[Row],
    *,
    base: RuleModel,
    tuned: RuleModel,
    suites: Sequence[str] = ("heldout", "labels"),
) -> Evaluation:
    """An evaluation of these rows with every metric that a suite has by itself; its files can be read again."""
    splits = {"train": FakeSplit(labelled_rows(30)), "test": FakeSplit(list(rows))}
    work = replace(task_of(folder, splits=splits, base_prompts=("bare",)), scorers=scorers(), sheets=folder / "sheets")
    made = evaluate([suite(name) for name in suites], models_of(base, tuned), task=work, emit=silent)
    text = (folder / "evaluation.json").read_text(encoding="utf-8")
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in a record"))
    assert Evaluation.model_validate_json(text) == made
    assert {one.way for one in read_answers(folder)} == {way for ways in made.ways.values() for way in ways}
    return made


def like_for_like(evaluation: Evaluation) -> list[Comparison]:
    """Every metric of both models asked in the same way."""
    return [one for way in ("heldout", "labels_generated", "labels_ranked") for one in evaluation.suites[way].values()]


def test_one_row(tmp_path: Path) -> None:
    made = found(tmp_path, labelled_rows(1, start=90), base=RuleModel(is_chatty), tuned=RuleModel(reads_label))
    accuracy = made.suites["labels_generated"]["accuracy"]
    assert (accuracy.n, accuracy.base, accuracy.tuned, accuracy.p) == (1, 0.0, 1.0, 1.0)
    assert accuracy.tuned_interval == (pytest.approx(0.025), 1.0)
    loss = made.suites["heldout"]["loss"]
    assert (loss.n, loss.tuned_interval, loss.interval) == (1, None, None)
    gates = [
        GateOptions(metric="loss", suite="heldout", at_most=1e9),
        GateOptions(metric="accuracy", suite="labels_generated", at_least=0.02),
    ]
    verdict = decide(gates, made, answers=read_answers(tmp_path), scorers=scorers())
    assert [gate.passed for gate in verdict.gates] == [False, True]
    assert verdict.gates[0].reason == "there are too few rows to say how sure the value is"


@pytest.mark.parametrize("rule", [reads_label, is_chatty, lambda _: ""], ids=["all right", "all wrong", "all empty"])
def test_all_ties(tmp_path: Path, rule: Callable[[str], str]) -> None:
    made = found(tmp_path, labelled_rows(24, start=90), base=RuleModel(rule), tuned=RuleModel(rule))
    for one in like_for_like(made):
        assert one.difference in (0.0, None)
        assert one.p in (1.0, None)
        assert one.interval is None or one.interval[0] <= 0 <= one.interval[1]
    gates = [
        GateOptions(metric="loss", suite="heldout", not_worse_than="base"),
        GateOptions(metric="loss", suite="heldout", better_than="base"),
        GateOptions(metric="accuracy", suite="test", better_than="base"),
    ]
    verdict = decide(gates, made, answers=read_answers(tmp_path), scorers=scorers())
    assert [gate.passed for gate in verdict.gates] == [True, False, False]


@dataclass
class Broken(RuleModel):
    """A model whose log-probabilities are no numbers, as after weights that grew without bound."""

    bad: float = math.nan

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        return [[self._no_numbers(len(tokens)) for tokens in item.continuations] for item in items]

    def _no_numbers(self, count: int) -> Scored:
        return Scored(np.full(count, self.bad, np.float32), np.zeros(count, np.bool_))


@pytest.mark.parametrize("bad", [math.nan, -math.inf])
def test_scores_that_are_no_numbers_are_no_numbers_and_pass_no_gate(tmp_path: Path, bad: float) -> None:
    broken = Broken(reads_label, bad=bad)
    made = found(tmp_path, labelled_rows(24, start=90), base=RuleModel(is_chatty), tuned=broken)
    loss = made.suites["heldout"]["loss"]
    assert (loss.tuned, loss.tuned_interval, loss.difference, loss.interval, loss.p) == (None,) * 5
    assert made.suites["labels_generated"]["accuracy"].tuned == 1.0
    gates = [
        GateOptions(metric="loss", suite="heldout", at_most=1e9),
        GateOptions(metric="loss", suite="heldout", not_worse_than="base", margin="1000%"),
    ]
    verdict = decide(gates, made, answers=read_answers(tmp_path), scorers=scorers())
    assert [gate.reason for gate in verdict.gates] == ["the metric is no finite number here"] * 2
    assert not verdict.passed


def test_some_scores_that_are_no_numbers_are_left_out_for_both(tmp_path: Path) -> None:
    @dataclass
    class Sometimes(Broken):
        def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
            bad, good = Broken.score(self, items), RuleModel.score(self, items)
            return [bad[place] if place % 3 == 0 else good[place] for place in range(len(items))]

    rows = labelled_rows(24, start=90)
    made = found(tmp_path, rows, base=RuleModel(reads_label), tuned=Sometimes(reads_label), suites=("heldout",))
    loss = made.suites["heldout"]["loss"]
    assert (loss.n, loss.unmeasured) == (16, 8)
    assert loss.base == loss.tuned == pytest.approx(-math.log(0.9))


def test_labels_that_training_never_saw(tmp_path: Path) -> None:
    odd = [labelled(f"odd {number}: trouble of the kidney", "kidney") for number in range(6)]
    rows = [*labelled_rows(12, start=90), *odd]
    says: Any = lambda prompt: "kidney" if "kidney" in prompt else reads_label(prompt)  # noqa: E731
    made = found(tmp_path, rows, base=RuleModel(lambda _: "heart"), tuned=RuleModel(says))
    generated = made.suites["labels_generated"]
    assert generated["accuracy"].n == 18
    assert generated["accuracy"].tuned == pytest.approx(12 / 18), "what is no known label is wrong"
    assert made.labels == ("heart", "lungs", "skin")
    assert [sum(row) for row in made.confusion["labels_generated.tuned"]] == [4, 4, 4]
    shown = {one.value: one.n for one in made.slices["labels_generated"] if one.kind == "label"}
    assert shown["kidney"] == 6, "where it fails"


def test_a_prompt_of_a_megabyte(tmp_path: Path) -> None:
    big = labelled("é" * 500_000 + " trouble of the heart", "heart")
    rows = [big, *labelled_rows(5, start=90)]
    made = found(tmp_path, rows, base=RuleModel(lambda _: "x"), tuned=RuleModel(reads_label), suites=("answers",))
    assert made.suites["answers"]["exact_match"].tuned == 1.0
    assert any(len(one.prompt) > 500_000 for one in made.best)
    assert read_answers(tmp_path)[0].base[0].row.prompt == big.prompt


def test_no_rows_and_no_suite(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"data\.split\.test: the dataset has no test rows to measure\."):
        found(tmp_path, [], base=RuleModel(is_chatty), tuned=RuleModel(reads_label))
    with pytest.raises(UserError, match="nothing could be measured"):
        found(tmp_path, labelled_rows(3), base=RuleModel(is_chatty), tuned=RuleModel(reads_label), suites=())


def test_training_rows_that_changed_are_searched_anew(tmp_path: Path) -> None:
    """Contamination asks no model: the same test rows beside other training rows are another question."""
    rows = labelled_rows(12, start=90)
    shares: list[float] = []
    for train in (labelled_rows(30), [*labelled_rows(30), *rows[:3]], labelled_rows(30)):
        splits = {"train": FakeSplit(train), "test": FakeSplit(rows)}
        work = replace(task_of(tmp_path, splits=splits), scorers=scorers(), sheets=tmp_path / "sheets")
        made = evaluate(
            [suite("contamination")], models_of(RuleModel(is_chatty), RuleModel(reads_label)), task=work, emit=silent
        )
        shares.append(made.suites["contamination"]["contaminated"].base or 0.0)
    assert shares[1] >= 3 / 12
    assert shares[0] == shares[2] < shares[1]


def test_a_suite_that_says_nothing_else_leaves_one_note(tmp_path: Path) -> None:
    notes: list[str] = []
    work = replace(task_of(tmp_path), scorers=scorers())
    evaluate(
        [suite("heldout"), suite("memorisation")],
        models_of(RuleModel(is_chatty), RuleModel(reads_label)),
        task=work,
        emit=lambda event: notes.append(event.text) if isinstance(event, Note) else None,
    )
    assert [note for note in notes if note.startswith("memorisation_canaries")] == [
        "memorisation_canaries is not measured: no canary was planted; add the step canaries to data.steps."
    ]
