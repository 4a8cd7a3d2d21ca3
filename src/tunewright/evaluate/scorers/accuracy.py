"""Accuracy: the share of rows whose predicted label is the true one."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.counts import is_classified
from tunewright.evaluate.sums import UNMEASURED, RowMean


class Work(RowMean):
    """Share of rows with the right label; an answer that is no known label is wrong; range [0, 1].

    Rows without a label are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """1 when right."""
        return float(row.predicted == row.row.label) if is_classified(row) else UNMEASURED
