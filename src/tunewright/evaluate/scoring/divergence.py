"""Estimators of KL(base || model) from tokens that the base sampled. T tokens, log-probabilities in nats.

Schulman 2020, http://joschu.net/blog/kl-approx.html: with r = p_model / p_base both -log r and r - 1 - log r have the
mean KL(base || model), for the mean of r is 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def plain(base: Floats, model: Floats) -> Floats:
    """log p_base - log p_model of each token, [T]; may be negative."""
    return base - model


def schulman(base: Floats, model: Floats) -> Floats:
    """r - 1 - log r of each token, [T]; never negative; infinite where r is too large for float64."""
    with np.errstate(over="ignore"):
        return np.expm1(model - base) - (model - base)


ESTIMATORS: dict[str, Callable[[Floats, Floats], Floats]] = {"plain": plain, "schulman": schulman}
"""Estimators by the name that a recipe gives."""
