"""Repetition: how much of the answers is said again."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.repetition import repeated
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Mean over answers of the share of repeated sequences of words, or of a closing loop where greater; [0, 1]."""

    direction = "lower"

    def one(self, row: AnsweredRow) -> float:
        """The share of one answer; 0 for an empty one."""
        return repeated(row.answer, words=self.options.words) if is_answered(row) else UNMEASURED
