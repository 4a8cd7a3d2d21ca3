"""The contract of scorers bites: each promise that is broken is found."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.house.contracts import scorer_is_a_number
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import RowMean, is_answered


class Words(RowMean):
    """Keeps every promise: the share of rows with the right answer."""

    def one(self, row: AnsweredRow) -> float:
        return float(row.answer == row.row.label) if row.row.label and is_answered(row) else math.nan


class NoRange(Words):
    range = (1.0, 0.0)


class NoCensus(Words):
    census = None  # type: ignore[assignment]


class Backward(Words):
    direction = "lower"


class TooHigh(Words):
    def one(self, row: AnsweredRow) -> float:
        return 1 + super().one(row)


class Blind(Words):
    def one(self, row: AnsweredRow) -> float:
        return 0.5 if row.answer else math.nan


class Nowhere(Words):
    def one(self, row: AnsweredRow) -> float:
        return math.nan


class CountsNothing(Words):
    def one(self, row: AnsweredRow) -> float:
        return float(row.answer == row.row.label)


class OtherSums(Words):
    def value(self, sums: np.ndarray) -> np.ndarray:
        return super().value(sums) / 2


class OtherRows(Words):
    def per_row(self, rows: Sequence[AnsweredRow]) -> np.ndarray:
        return super().per_row(rows[:1])

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> np.ndarray:
        return np.array([(float(row.answer == row.row.label), 1.0) for row in rows if row.answer]).reshape(-1, 2)


class Poisoned(Words):
    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        broken = any(math.isnan(log) for row in rows for log in row.log_probabilities)
        return math.nan if broken else super().score(rows, labels)


BROKEN = [NoRange, NoCensus, Backward, TooHigh, Blind, Nowhere, CountsNothing, OtherRows, Poisoned]


def test_a_good_scorer_passes() -> None:
    assert scorer_is_a_number(Words(None)) == []


@pytest.mark.parametrize("scorer", BROKEN, ids=lambda scorer: scorer.__name__)
def test_a_broken_promise_is_found(scorer: Any) -> None:
    assert scorer_is_a_number(scorer(None)) != []


def test_sums_that_say_something_else_are_found() -> None:
    class Halved(Words):
        def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
            return super().score(rows, labels) / 2

    assert any("mean of rows" in text for text in scorer_is_a_number(Halved(None)))
    assert any("mean of rows" in text for text in scorer_is_a_number(OtherSums(None)))
