"""Perplexity: exp of the loss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.scorers import loss


class Work(loss.Work):
    """exp(loss): among how many equally likely tokens the model in effect chooses; range [1, inf)."""

    range = (1.0, math.inf)

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """exp of the mean; infinite where that is too large for float64."""
        with np.errstate(over="ignore"):
            return np.exp(super().value(sums))
