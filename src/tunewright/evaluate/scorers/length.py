"""Length: words of an answer."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.words import count_words
from tunewright.evaluate.sums import FROM_ZERO, UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Mean number of words, runs of letters, digits and underscores; range [0, inf); neither way is better."""

    direction = "neither"
    range = FROM_ZERO

    def one(self, row: AnsweredRow) -> float:
        """Words of one answer."""
        return float(count_words(row.answer)) if is_answered(row) else UNMEASURED
