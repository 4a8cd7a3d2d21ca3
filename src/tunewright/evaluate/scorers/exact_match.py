"""Exact match: the answer is the target, character by character."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered, right_answers


class Work(RowMean):
    """Share of rows whose answer equals the target or a reference, spaces and line ends around left out; [0, 1].

    Rows without an answer, and rows without any right answer to compare with, are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """1 when equal; case and punctuation count."""
        right = right_answers(row)
        if not right or not is_answered(row):
            return UNMEASURED
        return float(row.answer.strip() in {text.strip() for text in right})
