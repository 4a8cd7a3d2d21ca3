"""How sure the value of one model is: intervals of shares and of any metric of sums over rows. N rows, K sums a row."""

from __future__ import annotations

import numpy as np

from tunewright.stats.resampling import (
    RESAMPLES,
    Bounds,
    Floats,
    Metric,
    Value,
    finite,
    pseudo_values,
    studentised,
    subsets,
    typical_interval,
    unseen,
)
from tunewright.stats.resampling import resamples as resampled
from tunewright.stats.shares import clopper_pearson, right_rows


def share_interval(right: int, n: int, *, level: float = 0.95) -> Bounds:
    """Exact interval for a share of `right` out of `n` rows, within [0, 1].

    It covers at least at its level for every share and every `n`, and is no point where all or no rows are right.
    Raises ValueError for no rows, a count outside 0 to n, or a level outside 0 to 1.
    Source: Clopper and Pearson, 1934, Biometrika 26(4), 404-413.
    """
    if n < 1 or not 0 <= right <= n:
        raise ValueError(f"a share needs rows, and counts between none and all of them: {right} of {n}.")
    if not 0 < level < 1:
        raise ValueError(f"a level lies between 0 and 1, not {level}.")
    return clopper_pearson(right, n, level=level)


def metric_interval(
    sums: Floats,
    *,
    value: Value,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    bounds: Bounds | None = None,
) -> Bounds | None:
    """Interval for value(sum over rows) of one model; `sums` [N, K].

    Where each row is right or wrong and the metric is their share, it is the exact interval of `share_interval`. Else
    each end is the outer one of a studentised bootstrap and of the inverted sign-flip test: the first follows skewed
    losses, the second rare labels, and either alone covers too little for the other (docs/explanation/statistics.md).
    No method is exact for a mean without bounds (Bahadur and Savage, 1956): below 200 skewed rows expect two or
    three points less than the level.

    None with fewer than two rows, or where the metric is no finite number. Where all rows are alike nothing varies and
    the interval is the point that was seen, which is not honest about other rows; give `bounds`, the smallest and
    largest value of the metric, and it is widened by what rows like none of these could do.
    """
    right = right_rows(sums, value)
    if right is not None:
        return share_interval(int(right.sum()), len(right), level=level)
    rows, total = len(sums), sums.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        observed, without = float(value(total)), value(total - sums)
    if rows < 2 or not np.isfinite(observed):
        return None
    metric, generator = _bound(value, sums), np.random.default_rng(seed)
    inverted = typical_interval(finite(metric, subsets(generator, rows, rounds=resamples)), level=level)
    if inverted is None:
        return None
    pseudo = pseudo_values(without, observed)
    ratios = studentised(metric, resampled(generator, rows, rounds=resamples), observed=observed, pseudo=pseudo)
    low, high = _outer(inverted, _student(ratios, observed, pseudo=pseudo, level=level))
    if bounds is None:
        return low, high
    if low == high:
        return unseen(low, bounds, rows=rows, level=level)
    return max(low, bounds[0]), min(high, bounds[1])


def _bound(value: Value, sums: Floats) -> Metric:
    return lambda counts: value(counts @ sums)


def _student(ratios: Floats, observed: float, *, pseudo: Floats, level: float) -> Bounds | None:
    """The studentised interval; None where no draw has a standard error."""
    if not ratios.size:
        return None
    error = float(pseudo.std(ddof=1)) / float(np.sqrt(len(pseudo)))
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    found = observed - float(high) * error, observed - float(low) * error
    return found if np.all(np.isfinite(found)) else None


def _outer(one: Bounds, other: Bounds | None) -> Bounds:
    """From the lower of two lower ends to the higher of two higher ends."""
    return one if other is None else (min(one[0], other[0]), max(one[1], other[1]))
