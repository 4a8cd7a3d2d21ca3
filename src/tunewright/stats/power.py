"""What a test set can show, said before anything is trained: smallest effects and needed rows.

For rows that are right or wrong the test is the exact McNemar test, for means the paired t test. Power is the chance
that the test finds an effect that is there.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.special import bdtr, bdtrc, chdtri, gammaln, ndtr, roots_legendre, stdtrit, xlog1py, xlogy
from scipy.stats import binom

LEVEL = 0.05
POWER = 0.8
CHANGED = 0.2
"""Share of rows that only one of two models gets right: what fine-tuned models and their bases often show."""
UNLIKELY = 1e-12
STEP = 8.0
"""Standard errors beyond which the normal law is 0 or 1."""
MOST_ROWS = 10**12


def smallest_effect(n: int, *, changed: float = CHANGED, level: float = LEVEL, power: float = POWER) -> float:
    """Smallest difference of two shares that the exact McNemar test finds on `n` rows with the given power.

    `changed` (0 to 1] is the expected share of rows on which the two models differ; where the effect itself is larger,
    every changed row is won. The result lies in (0, 1], and is infinite where no difference at all could be found
    (below six rows at level 0.05). Raises ValueError for numbers out of range.
    """
    _check(n=n, changed=changed, level=level, power=power)

    def missing(effect: float) -> float:
        return mcnemar_power(n, effect=effect, changed=changed, level=level) - power

    return _crossing(missing, 1.0) if missing(1.0) > 0 else float("inf")


def needed_rows(effect: float, *, changed: float = CHANGED, level: float = LEVEL, power: float = POWER) -> int:
    """Rows from which the exact McNemar test finds a difference of two shares of this size with the given power.

    Arguments as in `smallest_effect`; the sign of `effect` does not matter. The exact power rises in small steps up
    and down, so a few rows fewer can reach it by luck, and `needed_rows` may be off by some rows in a hundred. Raises
    ValueError for an effect of zero or beyond 1.
    """
    _check(n=1, changed=changed, level=level, power=power)
    if not 0 < abs(effect) <= 1:
        raise ValueError(f"a difference of shares lies between 0 and 1, not {effect}.")
    return _least_rows(lambda n: mcnemar_power(n, effect=effect, changed=changed, level=level), power=power)


def mcnemar_power(n: int, *, effect: float, changed: float = CHANGED, level: float = LEVEL) -> float:
    """Chance that the exact two-sided McNemar test on `n` rows rejects when the shares differ by `effect`.

    Sums over how many rows change (binomial), and over how many of those are won (binomial again).
    Source: Duffy, 1984, Biometrics 40(4), 1005-1015, "Asymptotic and exact power for the McNemar test".
    """
    _check(n=n, changed=changed, level=level, power=0.5)
    share = max(changed, abs(effect))
    low, high = binom.ppf([UNLIKELY, 1 - UNLIKELY], n, share)
    rows = np.arange(int(low), int(high) + 1)
    weights = gammaln(n + 1) - gammaln(rows + 1) - gammaln(n - rows + 1)
    weights = np.exp(weights + xlogy(rows, share) + xlog1py(n - rows, -share))
    won = 0.5 + 0.5 * abs(effect) / share
    most = binom.isf(level / 2, rows, 0.5)  # more than this many won, or as many lost, is rejected
    beyond = np.where(most < rows, bdtrc(np.minimum(most, rows), rows, won), 0.0)
    below = np.where(most < rows, bdtr(np.maximum(rows - most - 1, 0), rows, won), 0.0)
    return float(np.sum(weights * (beyond + below)))


def smallest_mean_effect(n: int, *, sd: float, level: float = LEVEL, power: float = POWER) -> float:
    """Smallest difference of two means that the paired t test finds on `n` rows with the given power.

    `sd` is the standard deviation of the differences row by row, in the metric's unit; so is the result. Infinite
    below two rows. Raises ValueError for numbers out of range.
    """
    _check(n=n, changed=1.0, level=level, power=power)
    _check_sd(sd)
    if n < 2:
        return float("inf")
    high = 1.0
    while _t_power(n, high, level) < power:
        high *= 2
    return _crossing(lambda noncentral: _t_power(n, noncentral, level) - power, high) * sd / float(np.sqrt(n))


def needed_rows_for_mean(effect: float, *, sd: float, level: float = LEVEL, power: float = POWER) -> int:
    """Rows from which the paired t test finds a difference of means of this size; arguments as in the one above.

    Raises ValueError for an effect of zero, or one so small that no test set would do.
    """
    _check(n=1, changed=1.0, level=level, power=power)
    _check_sd(sd)
    if not abs(effect) > 0:
        raise ValueError(f"a difference of means that is to be found is not {effect}.")
    return _least_rows(lambda n: _t_power(n, abs(effect) / sd * float(np.sqrt(n)), level), power=power)


def _crossing(missing: Callable[[float], float], high: float) -> float:
    """Where a rising function crosses zero between 0 and `high`."""
    return float(root_scalar(missing, bracket=(0.0, high), method="brentq", xtol=1e-10).root)


def _t_power(n: int, noncentral: float, level: float) -> float:
    """Power of the two-sided one-sample t test: over every spread that n rows may show, where the mean then falls.

    A sum of three Gauss rules, split where the normal part steps; scipy's noncentral t is no number for few rows.
    """
    if n < 2:
        return 0.0
    free = n - 1
    limit = float(stdtrit(free, 1 - level / 2))
    low, high = np.sqrt(chdtri(free, [1 - UNLIKELY, UNLIKELY]) / free)
    ends = np.clip([low, (noncentral - STEP) / limit, (noncentral + STEP) / limit, high], low, high)
    nodes, weights = _nodes()
    half = np.diff(ends)[:, None] / 2
    spread = (ends[:-1, None] + half + half * nodes).ravel()
    density = np.log(2 * free * spread) + xlogy(free / 2 - 1, free * spread**2 / 2) - free * spread**2 / 2
    density = np.exp(density - np.log(2) - gammaln(free / 2)) * (half * weights).ravel()
    return float(density @ (ndtr(noncentral - limit * spread) + ndtr(-noncentral - limit * spread)))


@cache
def _nodes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return roots_legendre(128)


def _least_rows(reached: Callable[[int], float], *, power: float) -> int:
    """The rows at which a rising power is reached, by doubling and halving."""
    high = 1
    while reached(high) < power:
        high *= 2
        if high > MOST_ROWS:
            raise ValueError("the effect is too small: no test set shows it.")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) >= power else (middle, high)
    return high


def _check(*, n: int, changed: float, level: float, power: float) -> None:
    if n < 1:
        raise ValueError(f"{n} rows show nothing; at least one is needed.")
    if not 0 < changed <= 1:
        raise ValueError(f"the share of changed rows is above 0 and at most 1, not {changed}.")
    if not (0 < level < 1 and 0 < power < 1):
        raise ValueError(f"level and power lie between 0 and 1: {level}, {power}.")


def _check_sd(sd: float) -> None:
    if not (sd > 0 and np.isfinite(sd)):
        raise ValueError(f"a standard deviation is a positive number, not {sd}.")
