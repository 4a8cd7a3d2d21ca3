"""Intervals of what judges say. N values of rows, F families of rows that depend on one another, at 95 %."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, stdtrit

LEVEL = 0.95
Floats = NDArray[np.float64]
Interval = tuple[float, float]


def family_sums(values: Floats, families: Sequence[str]) -> Floats:
    """For each family the sums of its rows' values, [F, K] from [N, K], in order of first appearance."""
    places = {family: place for place, family in enumerate(dict.fromkeys(families))}
    sums = np.zeros((len(places), values.shape[1]))
    np.add.at(sums, [places[family] for family in families], values)
    return sums


def mean_interval(values: Floats, families: Sequence[str], *, span: Interval = (0.0, 1.0)) -> Interval | None:
    """Interval of the mean of N values within `span`; None with fewer than two families.

    The exact binomial interval for as many independent rows as would vary as much as these do. Where all values are
    equal, the mean moves by what the unseen rest can hold: at most a share u with (1 - u)^F = 2.5 %.
    Source: Korn and Graubard, 1998, Survey Methodology 24(2), 193-201, section 3.
    """
    rows = (values - span[0]) / (span[1] - span[0])
    sums = family_sums(np.stack([rows, np.ones(len(rows))], axis=1), families)
    count = len(sums)
    if count < 2:
        return None
    mean = float(rows.mean())
    if np.ptp(rows) == 0:
        unseen = 1 - ((1 - LEVEL) / 2) ** (1 / count)
        low, high = mean * (1 - unseen), mean * (1 - unseen) + unseen
    else:
        low, high = _binomial(mean, _effective(sums, mean))
    width = span[1] - span[0]
    return span[0] + width * low, span[0] + width * high


def _effective(sums: Floats, mean: float) -> float:
    """Independent rows that would vary as much as these families do, less what few families cost."""
    count, rows = len(sums), sums[:, 1].sum()
    off = sums[:, 0] - mean * sums[:, 1]
    variance = count / (count - 1) * float(np.sum(off**2)) / rows**2
    tail = (1 - LEVEL) / 2
    cost = (stdtrit(max(rows - 1, 1), tail) / stdtrit(count - 1, tail)) ** 2
    return float(mean * (1 - mean) / max(variance, 1e-12) * cost)


def _binomial(share: float, rows: float) -> Interval:
    """Clopper and Pearson's interval for `share` of `rows`, which need not be whole numbers."""
    right, tail = share * rows, (1 - LEVEL) / 2
    low = float(betaincinv(right, rows - right + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, rows - right, 1 - tail)) if right < rows else 1.0
    return low, high


def jackknife_interval(
    value: float, without: Callable[[int], float], *, count: int, span: Interval = (-1.0, 1.0)
) -> Interval | None:
    """Interval of a statistic from its values `without` each of `count` families; None where it cannot be said.

    Source: Tukey, 1958; Efron and Tibshirani, 1993, An Introduction to the Bootstrap, equation 11.5; with Student's
    distribution of count - 1 degrees of freedom.
    """
    if count < 2 or not np.isfinite(value):
        return None
    left = np.array([without(place) for place in range(count)])
    left = left[np.isfinite(left)]
    if len(left) < 2:
        return None
    error = float(np.sqrt((len(left) - 1) / len(left) * np.sum((left - left.mean()) ** 2)))
    reach = float(stdtrit(count - 1, (1 + LEVEL) / 2)) * error
    return max(span[0], value - reach), min(span[1], value + reach)
