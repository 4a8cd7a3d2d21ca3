"""Latency: seconds of a whole answer."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import FROM_ZERO, RowMean, time_s


class Work(RowMean):
    """Mean seconds from question to the end of the answer, over answers measured alone; range [0, inf)."""

    direction = "lower"
    range = FROM_ZERO

    def one(self, row: AnsweredRow) -> float:
        """Seconds of one answer."""
        return time_s(row, row.seconds)
