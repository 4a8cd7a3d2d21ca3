"""Exact match: the answer is the target, character by character."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import RowMean


class Work(RowMean):
    """Share of rows whose answer equals the target, spaces and line ends around both left out; range [0, 1]."""

    def one(self, row: AnsweredRow) -> float:
        """1 when equal; case and punctuation count."""
        return float(row.answer.strip() == row.row.target.strip())
