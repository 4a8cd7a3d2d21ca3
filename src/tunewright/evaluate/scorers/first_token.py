"""Time to the first token, in seconds."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import FROM_ZERO, RowMean, time_s


class Work(RowMean):
    """Mean seconds from question to the first token, over answers measured alone; range [0, inf)."""

    direction = "lower"
    range = FROM_ZERO

    def one(self, row: AnsweredRow) -> float:
        """Seconds to one answer's first token."""
        return time_s(row, row.first_token_s)
