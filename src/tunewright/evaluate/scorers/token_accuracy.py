"""Token accuracy: the share of trained tokens that were the model's first choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, Direction
from tunewright.evaluate.sums import TokenMean


class Work(TokenMean):
    """Share of trained tokens that are the arg-max given the true tokens before them; range [0, 1]."""

    direction: Direction = "higher"

    def tokens(self, row: AnsweredRow) -> NDArray[np.float64]:
        """1 for each token that was the arg-max, else 0."""
        return np.asarray(row.greedy, dtype=np.float64)
