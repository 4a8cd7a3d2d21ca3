"""Preference margin: by how much a model prefers the chosen answer to the rejected one."""

from __future__ import annotations

import math

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.pairs import pair
from tunewright.evaluate.sums import UNMEASURED, RowMean


class Work(RowMean):
    """Mean number of the chosen answer minus that of the rejected one, nats or rewards; range (-inf, inf).

    Of sums of log-probabilities the difference between tuned and base is the implicit reward's margin, without beta.
    Rows that have not exactly two choices, or one that is no finite number, are left out.
    """

    range = (-math.inf, math.inf)

    def one(self, row: AnsweredRow) -> float:
        """The margin of one pair."""
        found = pair(row)
        return found[0] - found[1] if found and math.isfinite(found[0] - found[1]) else UNMEASURED
