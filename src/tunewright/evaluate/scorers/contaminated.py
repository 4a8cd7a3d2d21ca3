"""Contaminated: the share of measured rows that stand among the training rows."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, RowMean

FOUND = {"exact": 1.0, "nearly": 1.0, "clean": 0.0}


class Work(RowMean):
    """Share of rows that were found, exactly or nearly; range [0, 1]. A count of these rows, without sampling error."""

    direction = "lower"
    census = True

    def one(self, row: AnsweredRow) -> float:
        """1 when found; NaN for a row that was not searched for."""
        return FOUND.get(row.predicted or "", UNMEASURED)
