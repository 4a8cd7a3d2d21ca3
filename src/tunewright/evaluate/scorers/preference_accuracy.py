"""Preference accuracy: how often the model finds the chosen answer likelier than the rejected one."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.pairs import preference
from tunewright.evaluate.sums import RowMean


class Work(RowMean):
    """Share of pairs (chosen, rejected) with the chosen likelier; a tie counts 1/2; range [0, 1].

    The log-probabilities are of whole answers, so that a short answer has an advantage. Rows that have not exactly two
    choices are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """1, 1/2 or 0."""
        return preference(row)
