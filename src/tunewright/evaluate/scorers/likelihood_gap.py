"""Likelihood gap: how differently likely the model finds the two sentences of a minimal pair."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.pairs import pair
from tunewright.evaluate.sums import FROM_ZERO, UNMEASURED, RowMean


class Work(RowMean):
    """Mean |difference of the two log-probabilities|, in nats; range [0, inf).

    Rows that have not exactly two choices are left out.
    """

    direction = "lower"
    range = FROM_ZERO

    def one(self, row: AnsweredRow) -> float:
        """The gap of one pair."""
        found = pair(row)
        return abs(found[0] - found[1]) if found else UNMEASURED
