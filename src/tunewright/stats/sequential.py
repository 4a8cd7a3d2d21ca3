"""Intervals and tests that may be looked at after every row and stopped at any time: always-valid inference.

Both rest on bets. Whoever bets on values against a supposed mean makes no money where that mean is right: the wealth
then reaches 1 / level at any time whatever with probability at most `level` (Ville's inequality). Nothing is assumed
of the values but their bounds and one mean. T values, G supposed means, B bets.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import lambertw, logsumexp, roots_legendre

from tunewright.stats.resampling import Bounds, Floats

STAKE = 0.75
"""A bet risks at most this part of the wealth on one value (Waudby-Smith and Ramdas, 2024, take 1/2 or 3/4)."""
STEP = 1.02
"""Supposed means are tried at distances from the mean that grow so: an end is rounded outwards by at most 2 %."""
NEAREST = 0.1
"""The nearest supposed mean, as a part of the standard error."""
BLOCK = 2_000_000
BETS = 201
"""Sizes of bets that a mixture weighs; it is valid with any number, and finds small effects sooner with more."""


class Running(NamedTuple):
    """Ends of the interval after each value, [T] each; `low` never falls and `high` never rises."""

    low: Floats
    high: Floats


def confidence_sequence(
    values: ArrayLike, *, planned_n: int, level: float = 0.95, bounds: Bounds = (0.0, 1.0)
) -> Running:
    """Intervals for the mean that hold at all times at once, however often one looks; after each of T values.

    `values` [T] lie within `bounds` and come in the order of observation: scores of one model in [0, 1], or
    differences of two models on the same rows with `bounds=(-1, 1)`. `planned_n` is how many are expected, chosen
    before any is seen: the interval is narrowest there (1.2 to 1.6 times that of a fixed number of values) and holds
    before and after it. The true mean lies in every interval at once with probability at least `level`. Where nothing
    is left, because the mean has moved, both ends meet.

    Raises ValueError for values that are no numbers or out of bounds.
    Source: Waudby-Smith and Ramdas, 2024, JRSS B 86(1), "Estimating means of bounded random variables by betting":
    hedged capital (theorem 3), bets for a planned number of values, and the intersection over time.
    """
    scaled = _scaled(values, bounds=bounds)
    if planned_n < 1 or not 0 < level < 1:
        raise ValueError(f"at least one value is planned, and a level lies between 0 and 1: {planned_n}, {level}.")
    if not scaled.size:
        return Running(np.empty(0), np.empty(0))
    bets, wealth = _bets(scaled, planned_n=planned_n, level=level), float(np.log(2 / (1 - level)))
    low = _lower_ends(scaled, bets, wealth=wealth)
    high = 1 - _lower_ends(1 - scaled, bets, wealth=wealth)
    middle = (low + high) / 2
    low, high = np.minimum(low, middle), np.maximum(high, middle)
    span = bounds[1] - bounds[0]
    return Running(bounds[0] + span * low, bounds[0] + span * high)


def _scaled(values: ArrayLike, *, bounds: Bounds) -> Floats:
    """Values moved to 0 to 1."""
    given = np.asarray(values, dtype=np.float64)
    low, high = bounds
    if not low < high:
        raise ValueError(f"bounds go from low to high, not {bounds}.")
    if given.ndim != 1 or not np.all((given >= low) & (given <= high)):
        raise ValueError(f"values are one row of numbers from {low} to {high}.")
    return (given - low) / (high - low)


def _bets(scaled: Floats, *, planned_n: int, level: float) -> Floats:
    """The size of each bet, [T], from earlier values only: what pays best with their spread and the plan."""
    times = np.arange(1, scaled.size + 1)
    means = (0.5 + np.cumsum(scaled)) / (times + 1)
    spreads = (0.25 + np.cumsum((scaled - means) ** 2)) / (times + 1)
    before = np.concatenate([[0.25], spreads[:-1]])
    return np.sqrt(2 * np.log(2 / (1 - level)) / (before * np.maximum(planned_n, times)))


def _lower_ends(scaled: Floats, bets: Floats, *, wealth: float) -> Floats:
    """The largest mean so far that bets upwards have grown rich against, [T]; 0 where there is none."""
    supposed = _supposed(scaled)
    ends = np.zeros(scaled.size)
    for part in np.array_split(supposed, 1 + supposed.size * scaled.size // BLOCK):
        sizes = np.minimum(bets[:, None], STAKE / part)
        rich = np.cumsum(np.log1p(sizes * (scaled[:, None] - part)), axis=0) >= wealth
        first, ever = rich.argmax(axis=0), rich.any(axis=0)
        np.maximum.at(ends, first[ever], part[ever])
    return np.maximum.accumulate(ends)


def _supposed(scaled: Floats) -> Floats:
    """Means to bet against, [G], from just below the mean of all values down towards 0."""
    mean = float(scaled.mean())
    nearest = NEAREST * max(float(scaled.std()), 1 / scaled.size) / np.sqrt(scaled.size)
    steps = int(np.log(1 / nearest) / np.log(STEP)) + 1
    below = mean - nearest * STEP ** np.arange(steps + 1)
    return below[below > 0]


class MixtureTest:
    """Always-valid test that bounded values have the mean `null`: a likelihood ratio averaged over alternatives.

    Give it values as they come (`update`); `p` may be read at any time and testing stopped as soon as it is small,
    with a false alarm no likelier than the level. For differences of two models that are right or wrong on the same
    rows (-1, 0, 1) it is the sequential form of the McNemar test: the changed rows' likelihood under a beta mixture of
    chances to win over that under 1/2. For other values within `bounds` the same average of products of bets is valid,
    and no normal law is assumed.

    `planned_n` and `changed` (expected mean of the squared values, as a part of the largest square; for right or wrong
    the share of changed rows) only say where the test is sharpest. `e_value` is the evidence now: its mean is at most
    1 where `null` is true. Source: Robbins, 1970, Annals of Mathematical Statistics 41(5); Johari, Koomen, Pekelis and
    Walsh, 2022, Operations Research 70(3), "Always valid inference" (mixture sequential probability ratio test); for
    bounded values the mixture of bets of Orabona and Jun, 2024, IEEE Transactions on Information Theory 70(1).
    """

    def __init__(
        self, planned_n: int, *, changed: float = 0.2, null: float = 0.0, bounds: Bounds = (-1.0, 1.0)
    ) -> None:
        if planned_n < 1 or not 0 < changed <= 1 or not bounds[0] < null < bounds[1]:
            raise ValueError(
                f"a plan of at least one row, a share of changed rows up to 1 and a mean within bounds are needed: "
                f"{planned_n}, {changed}, {null} in {bounds}."
            )
        nodes, weights = _mixture(planned_n * changed)
        self.null, self.bounds, self.n = null, bounds, 0
        self._bets = np.where(nodes > 0, nodes / (null - bounds[0]), nodes / (bounds[1] - null))
        self._log_weights = np.log(weights)
        self._log_wealth = np.zeros(BETS)
        self._highest = 0.0

    def update(self, values: ArrayLike) -> float:
        """Take one value or several in their order, and return `p`. Raises ValueError for values out of bounds."""
        given = np.atleast_1d(np.asarray(values, dtype=np.float64))
        low, high = self.bounds
        if given.ndim != 1 or not np.all((given >= low) & (given <= high)):
            raise ValueError(f"values are one row of numbers from {low} to {high}.")
        for part in np.array_split(given, 1 + given.size * BETS // BLOCK):
            wealth = self._log_wealth + np.cumsum(np.log1p(self._bets * (part[:, None] - self.null)), axis=0)
            if part.size:
                self._highest = max(self._highest, float(_log_mean(wealth, self._log_weights).max()))
                self._log_wealth = wealth[-1]
        self.n += given.size
        return self.p

    @property
    def e_value(self) -> float:
        """The evidence against the mean `null` after all values so far, from 0; 20 and more is a lot."""
        return float(np.exp(min(700.0, _log_mean(self._log_wealth, self._log_weights).item())))

    @property
    def p(self) -> float:
        """The always-valid p: one over the largest evidence that there has been, at most 1."""
        return float(np.exp(-self._highest))


def _log_mean(log_wealth: Floats, log_weights: Floats) -> Floats:
    """Logarithm of the weighted mean over bets, [..., B] to [...]."""
    return np.asarray(logsumexp(log_wealth + log_weights, axis=-1), dtype=np.float64)


@cache
def _nodes() -> tuple[Floats, Floats]:
    """Points and weights of Gauss and Legendre, which take some milliseconds to find."""
    return roots_legendre(BETS)


def _mixture(changed_rows: float) -> tuple[Floats, NDArray[np.float64]]:
    """Sizes of bets in (-1, 1) and their weights, [B] each: a symmetric beta law, narrow where many rows will change.

    Its variance is the one that is sharpest after that many changed rows at level 0.05 (Howard, Ramdas, McAuliffe and
    Sekhon, 2021, Annals of Statistics 49(2)).
    """
    sharpest = float(-lambertw(-(0.05**2) / np.e, -1).real - 1)
    shape = max(1.0, (changed_rows / sharpest - 1) / 2)
    reach = min(1.0, 9 / float(np.sqrt(2 * shape + 1)))
    nodes, weights = _nodes()
    kept = weights * np.exp((shape - 1) * np.log1p(-((reach * nodes) ** 2)))
    return reach * nodes, np.maximum(kept / kept.sum(), 1e-300)
