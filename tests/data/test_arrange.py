"""Order of steps, and what they do to the ledger."""

from __future__ import annotations

import pytest

from tests.data.builders import row
from tunewright.core.errors import UserError
from tunewright.core.ports import Gone, Phase, Row, StepResult
from tunewright.data.arrange import Work, arrange
from tunewright.data.receipt import Ledger
from tunewright.recipe.recipe import SplitOptions


class Halve:
    """A step that keeps every other row, and remembers what it saw."""

    def __init__(self, phase: Phase) -> None:
        self.phase: Phase = phase
        self.saw: set[str] = set()

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        self.saw = set(rows)
        gone = [Gone(dropped, split, "dropped", "halved") for split, group in rows.items() for dropped in group[1::2]]
        return StepResult({split: group[::2] for split, group in rows.items()}, gone, {})


class Everything:
    """A step that divides: all rows are test rows."""

    phase: Phase = "split"

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        return StepResult({"train": [], "test": rows["train"]}, [], {})


ROWS = {"train": [row(str(number)) for number in range(40)]}


def test_a_step_on_training_rows_sees_only_these() -> None:
    ledger, step = Ledger(), Halve("training_rows")
    result = arrange(ROWS, [step], options=SplitOptions(), work=Work(ledger))
    assert step.saw == {"train"}
    assert {split: len(group) for split, group in result.items()} == {"train": 16, "validation": 4, "test": 4}
    assert ledger.total().dropped == {"halved": 16}


def test_a_dividing_step_stands_in_the_place_of_ours() -> None:
    result = arrange(ROWS, [Everything()], options=SplitOptions(), work=Work(Ledger()))
    assert {split: len(group) for split, group in result.items()} == {"train": 0, "validation": 0, "test": 40}


class Add:
    """A step that makes rows; it says what it is told to say."""

    phase: Phase = "before_split"

    def __init__(self, sources: str, created: dict[str, int]) -> None:
        self.new = [row(f"new {number}", source=source) for number, source in enumerate(sources)]
        self.created = created

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        return StepResult({**rows, "train": rows["train"] + self.new}, [], self.created)


def test_new_rows_are_counted_under_their_sources() -> None:
    ledger = Ledger()
    arrange(ROWS, [Add("ffg", {"copied": 3})], options=SplitOptions(), work=Work(ledger))
    assert {name: dict(tally.created) for name, tally in ledger.sources.items()} == {
        "f": {"copied": 2},
        "g": {"copied": 1},
    }
    assert ledger.total().created == {"copied": 3}


def test_several_reasons_are_counted_for_the_whole() -> None:
    ledger = Ledger()
    arrange(ROWS, [Add("fg", {"copied": 1, "changed": 1})], options=SplitOptions(), work=Work(ledger))
    assert ledger.total().created == {"copied": 1, "changed": 1}
    assert not any(tally.created for tally in ledger.sources.values())


def test_a_step_that_says_another_number_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="made 2 rows"):
        arrange(ROWS, [Add("fg", {"copied": 3})], options=SplitOptions(), work=Work(Ledger()))


def test_a_wrong_order_is_an_error() -> None:
    told = r"step Halve \(before the split\) stands too late: behind Halve \(on training rows\)"
    with pytest.raises(UserError, match=told):
        arrange(ROWS, [Halve("training_rows"), Halve("before_split")], options=SplitOptions(), work=Work(Ledger()))
