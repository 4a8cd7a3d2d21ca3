"""Accuracy: the share of rows whose predicted label is the true one."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import RowMean


class Work(RowMean):
    """Share of rows with the right label; an answer that is no known label is wrong; range [0, 1]."""

    def one(self, row: AnsweredRow) -> float:
        """1 when right."""
        return float(row.predicted is not None and row.predicted == row.row.label)
