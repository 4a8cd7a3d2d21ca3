"""Two texts that a model finds more or less likely: preference pairs and minimal pairs."""

from __future__ import annotations

import math

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED


def pair(row: AnsweredRow) -> tuple[float, float] | None:
    """The log-probabilities of a row's two choices; None when there are not two, or their difference is unknown."""
    if len(row.choices) != 2:
        return None
    first, second = row.choices
    return None if math.isnan(first - second) else (first, second)


def preference(row: AnsweredRow) -> float:
    """1 when the first choice is likelier, 1/2 for a tie, 0 when the second is; NaN for what is no pair."""
    found = pair(row)
    if found is None:
        return UNMEASURED
    return 0.5 if found[0] == found[1] else float(found[0] > found[1])
