"""Metrics of a whole corpus against right answers: counts that add up, as BLEU and chrF have them. N rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import SumMetric, is_answered, right_answers

Floats = NDArray[np.float64]


class CorpusMetric(SumMetric):
    """A score in [0, 100] of added counts. Rows without an answer or without a right one are left out."""

    range = (0.0, 100.0)
    columns: int

    def counts(self, answer: str, references: Sequence[str]) -> tuple[float, ...]:
        """What one answer adds: `columns` numbers."""
        raise NotImplementedError

    def of_counts(self, sums: Floats) -> Floats:
        """The score [...] of added counts [..., columns]."""
        raise NotImplementedError

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """The counts, and 1 for a measured row, [N, columns + 1]."""
        nothing = (0.0,) * (self.columns + 1)
        made = [
            (*self.counts(row.answer, right), 1.0) if is_answered(row) and (right := right_answers(row)) else nothing
            for row in rows
        ]
        return np.array(made, dtype=np.float64).reshape(len(rows), self.columns + 1)

    def value(self, sums: Floats) -> Floats:
        """The score, [...]; not a number when no row is measured."""
        return np.where(sums[..., -1] > 0, self.of_counts(sums[..., :-1]), np.nan)
