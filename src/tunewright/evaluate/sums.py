"""What our scorers have in common: a metric is a function of sums over rows.

So a bootstrap resample costs a product of matrices, and never another look at the answers. A row that lacks what a
metric needs has the value NaN and adds zeros: it is left out. Where no row can be measured the metric is NaN.
N rows, K sums a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, Direction, Scorer

Floats = NDArray[np.float64]
UNIT = (0.0, 1.0)
"""The range of shares."""
FROM_ZERO = (0.0, math.inf)
"""The range of what is counted or timed."""
UNMEASURED = math.nan
"""The value of a row that lacks what a metric needs."""
WRITTEN = frozenset({"stop", "length"})
"""How an answer may end; one that ended by an error is no answer."""
FAILED = "error"


class Summed(NamedTuple):
    """A metric over some rows: their sums [N, K] and the function from added sums [..., K] to the metric [...].

    A row that is left out has sums of zeros.
    """

    sums: Floats
    value: Callable[[Floats], Floats]


@runtime_checkable
class SumScorer(Protocol):
    """A scorer that says its metric as a function of sums over rows; it remembers nothing of them."""

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """What each row adds, and what becomes of the added."""
        ...


def summed(scorer: Scorer, rows: Sequence[AnsweredRow], *, labels: Sequence[str]) -> Summed | None:
    """Any scorer's metric as sums; None for one without sums and without a value a row (no interval)."""
    if isinstance(scorer, SumScorer):
        return scorer.summed(rows, labels)
    values = scorer.per_row(rows)
    return None if values is None else Summed(with_counts(values), ratio)


def with_counts(values: Floats) -> Floats:
    """Value and 1 for each row [N, 2]; zeros where the value is NaN."""
    measured = ~np.isnan(values)
    return np.column_stack([np.where(measured, values, 0.0), measured.astype(np.float64)])


def ratio(sums: Floats) -> Floats:
    """First sum over second; not a number where the second is 0."""
    top, bottom = sums[..., 0], sums[..., 1]
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)


def is_answered(row: AnsweredRow) -> bool:
    """True when there is an answer, be it an empty one; False when nothing was asked, or an error ended it."""
    return row.finish in WRITTEN or (row.finish == "" and bool(row.answer))


def has_spoken(row: AnsweredRow) -> bool:
    """True when there is an answer, or a label or choice that was taken without one."""
    return row.predicted is not None or is_answered(row)


def right_answers(row: AnsweredRow) -> list[str]:
    """The target and the further references of a row; none where both are empty."""
    return [text for text in (row.row.target, *row.row.details.get("references", ())) if text.strip()]


def time_s(row: AnsweredRow, seconds: float | None) -> float:
    """A measured time of a row's answer; NaN where none was measured, an error ended it, or a clock went back."""
    return seconds if seconds is not None and seconds >= 0 and row.finish != FAILED else UNMEASURED


class Additive:
    """A metric of the whole set of rows that is a function of sums: `summed` says what rows add and what becomes of it.

    The function may depend on the rows, as where each group among them has a column.
    """

    direction: Direction = "higher"
    range: tuple[float, float] = UNIT
    census = False

    def __init__(self, options: Any) -> None:
        self.options = options

    def per_row(self, rows: Sequence[AnsweredRow]) -> Floats | None:
        """None: the metric is no mean of rows."""

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """What each row adds, [N, K], and the function of the added."""
        raise NotImplementedError

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        """The metric over all rows; not a number when none can be measured."""
        added = self.summed(rows, labels)
        return float(added.value(added.sums.sum(axis=0)))


class SumMetric(Additive):
    """One whose function is the same whatever the rows are."""

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """What each row adds, [N, K], and `value`."""
        return Summed(self.sums(rows, labels), self.value)

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """What each row adds, [N, K]."""
        raise NotImplementedError

    def value(self, sums: Floats) -> Floats:
        """The first sum over the second, [...]."""
        return ratio(sums)


class RowMean(SumMetric):
    """A metric that is the mean of one value a row, such as right or wrong. `one` gives the value."""

    def one(self, row: AnsweredRow) -> float:
        """The value of one row; NaN when the row lacks what it takes."""
        raise NotImplementedError

    def per_row(self, rows: Sequence[AnsweredRow]) -> Floats:
        """One value a row, [N]; NaN for a row that is left out."""
        return np.array([self.one(row) for row in rows], dtype=np.float64)

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Value and 1 for each measured row, [N, 2]."""
        return with_counts(self.per_row(rows))


class TokenMean(SumMetric):
    """A metric over all trained tokens together: long rows weigh more than short ones, as in training.

    A row with a log-probability that is no number is left out, and never makes the whole unknown.
    """

    direction: Direction = "lower"

    def tokens(self, row: AnsweredRow) -> Floats:
        """The value of each token of one row; none when the row lacks what it takes."""
        raise NotImplementedError

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Weighted sum of the tokens' values and sum of their weights, [N, 2]; in float64."""
        return np.array([self._row(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)

    def _row(self, row: AnsweredRow) -> tuple[float, float]:
        values = self.tokens(row)
        if not len(values) or np.isnan(values).any() or np.isnan(row.log_probabilities).any():
            return 0.0, 0.0
        weights = np.asarray(row.weights, dtype=np.float64) if row.weights else np.ones(len(values))
        used = weights != 0
        return float(values[used] @ weights[used]), float(weights.sum())
