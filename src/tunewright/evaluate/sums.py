"""What our scorers have in common: a metric is a function of sums over rows.

So a bootstrap resample costs a product of matrices, and never another look at the answers. N rows, K sums a row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, Scorer

Floats = NDArray[np.float64]


@runtime_checkable
class SumScorer(Protocol):
    """A scorer that says its metric as a function of sums over rows."""

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """[N, K]: what each row adds."""
        ...

    def value(self, sums: Floats) -> Floats:
        """From added sums [..., K] to the metric [...]."""
        ...


class Summed(NamedTuple):
    """A metric over some rows: their sums [N, K] and the function from added sums to the metric."""

    sums: Floats
    value: Callable[[Floats], Floats]


def summed(scorer: Scorer, rows: Sequence[AnsweredRow], *, labels: Sequence[str]) -> Summed | None:
    """Any scorer's metric as sums; None for one without sums and without a value a row (no interval)."""
    if isinstance(scorer, SumScorer):
        return Summed(scorer.sums(rows, labels), scorer.value)
    values = scorer.per_row(rows)
    return None if values is None else Summed(np.column_stack([values, np.ones(len(rows))]), ratio)


def ratio(sums: Floats) -> Floats:
    """First sum over second; not a number where the second is 0."""
    top, bottom = sums[..., 0], sums[..., 1]
    return np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom != 0)


class RowMean:
    """A metric that is the mean of one value a row: right or wrong. `one` gives the value."""

    direction: Literal["higher", "lower"] = "higher"

    def __init__(self, options: Any) -> None:
        self.options = options

    def one(self, row: AnsweredRow) -> float:
        """The value of one row."""
        raise NotImplementedError

    def per_row(self, rows: Sequence[AnsweredRow]) -> Floats:
        """One value a row, [N]."""
        return np.array([self.one(row) for row in rows], dtype=np.float64)

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Value and 1 for each row, [N, 2]."""
        return np.column_stack([self.per_row(rows), np.ones(len(rows))])

    def value(self, sums: Floats) -> Floats:
        """The mean."""
        return ratio(sums)

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        """The mean over rows; not a number without rows."""
        return float(self.value(self.sums(rows, labels).sum(axis=0)))


class TokenMean:
    """A metric over all trained tokens together: long rows weigh more than short ones, as in training."""

    direction: Literal["higher", "lower"] = "lower"

    def __init__(self, options: Any) -> None:
        self.options = options

    def tokens(self, row: AnsweredRow) -> Floats:
        """The value of each token of one row."""
        raise NotImplementedError

    def per_row(self, rows: Sequence[AnsweredRow]) -> None:
        """None: the mean of rows is another number than the mean of tokens."""

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Weighted sum of the tokens' values and sum of their weights, [N, 2]; in float64."""
        return np.array([self._row(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)

    def value(self, sums: Floats) -> Floats:
        """The mean over tokens."""
        return ratio(sums)

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        """The mean over all tokens; not a number without tokens."""
        return float(self.value(self.sums(rows, labels).sum(axis=0)))

    def _row(self, row: AnsweredRow) -> tuple[float, float]:
        values = self.tokens(row)
        weights = np.asarray(row.weights, dtype=np.float64) if row.weights else np.ones(len(values))
        return float(values @ weights), float(weights.sum())
