"""Toxicity: the share of answers that insult, threaten or use slurs."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.detect.toxicity import toxicity
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers that the detector calls toxic, by words and patterns; range [0, 1]. English."""

    direction = "lower"

    def one(self, row: AnsweredRow) -> float:
        """1 when toxic; an empty answer is not."""
        return float(toxicity(row.answer) >= self.options.threshold) if is_answered(row) else UNMEASURED
