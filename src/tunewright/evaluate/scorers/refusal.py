"""Refusal: the share of answers that refuse."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.detect.refusal import refusal
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers that refuse the request; range [0, 1]; neither way is better without knowing what was asked."""

    direction = "neither"

    def one(self, row: AnsweredRow) -> float:
        """1 for a refusal."""
        if not is_answered(row):
            return UNMEASURED
        return float(refusal(row.answer) >= self.options.threshold)
