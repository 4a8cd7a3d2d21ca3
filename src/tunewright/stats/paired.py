"""Paired comparison of two models on the same rows: an interval for the difference, and tests of no difference.

Every metric here is a function of sums over rows (right answers, tokens, counts a label), so a resample is a product
of a matrix of row counts with a matrix of row sums. N rows, K sums a row, R resamples. Rows that depend on one another
are added up first (`families.by_family`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binomtest

from tunewright.stats.resampling import (
    RESAMPLES,
    TIE,
    Bounds,
    Floats,
    Metric,
    Value,
    bca_interval,
    blocks,
    finite,
    resamples,
    subsets,
    typical_interval,
    unseen,
)
from tunewright.stats.shares import exact_interval, exact_p, right_rows, score, score_interval

FEW_ROWS = 200
"""Below this many rows differences of shares are decided exactly; from it on by a score test, as good there."""


class McNemar(NamedTuple):
    """Rows that only one of two models gets right, and the two-sided exact p."""

    only_base: int
    only_other: int
    p: float


def mcnemar(base_right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> McNemar:
    """Exact McNemar test: are the rows that change side as often won as lost?

    Both [N], the same rows in the same order. p is that of the binomial test with probability 1/2 on the rows that
    differ, and 1 where none differs. Source: McNemar, 1947, Psychometrika 12; the exact form as in Fagerland, Lydersen
    and Laake, 2013, BMC Medical Research Methodology 13:91. Raises ValueError for unequal lengths.
    """
    only_base, only_other = _changed(base_right, other_right)
    changed = only_base + only_other
    p = float(binomtest(only_other, changed, 0.5).pvalue) if changed else 1.0
    return McNemar(only_base, only_other, p)


def paired_share_interval(
    base_right: NDArray[np.bool_], other_right: NDArray[np.bool_], *, level: float = 0.95
) -> Bounds:
    """Interval for share(other) - share(base) where each row is right or wrong; within [-1, 1].

    Both [N], the same rows in the same order. Below 200 rows the exact unconditional test is inverted (Hsueh, Liu and
    Chen, 2001), from there on the score test of Tango (1998); `shares` has both. Neither is a point where no row
    changes. Raises ValueError for unequal lengths, no rows, or a level outside 0 to 1.
    """
    lost, won = _changed(base_right, other_right)
    rows = len(base_right)
    if not rows or not 0 < level < 1:
        raise ValueError(f"an interval needs rows and a level between 0 and 1: {rows} rows, level {level}.")
    inverted = exact_interval if rows < FEW_ROWS else score_interval
    return inverted(won, lost, rows=rows, level=level)


def difference_interval(
    base: Floats, other: Floats, *, value: Value, seed: int, level: float = 0.95, bounds: Bounds | None = None
) -> Bounds | None:
    """Interval for value(other) - value(base) that is right for any number of rows: the one to decide by.

    `base` and `other` are sums a row, [N, K]. Where each row is right or wrong and the metric is their share, it is
    `paired_share_interval`. Else it inverts the sign-flip test (the test of `permutation_p`, at every supposed
    difference instead of none), which covers better than BCa and studentised bootstraps at every N measured
    (docs/explanation/statistics.md). None where the metric is no finite number, or below six rows at level 0.95. Where
    every draw gives one and the same difference, that point; with `bounds`, the metric's smallest and largest value,
    it is widened by what rows like none of these could do.
    """
    _same_rows(base, other)
    base_right, other_right = right_rows(base, value), right_rows(other, value)
    if base_right is not None and other_right is not None:
        return paired_share_interval(base_right, other_right, level=level)
    drawn = _subset_differences(base, other, value=value, seed=seed)
    if drawn is None:
        return None
    found = typical_interval(drawn, level=level)
    if found is None or bounds is None or found[0] < found[1]:
        return found
    reach = bounds[1] - bounds[0]
    return unseen(found[0], (-reach, reach), rows=len(base), level=level)


def p_above(base: Floats, other: Floats, *, value: Value, than: float, seed: int) -> float | None:
    """One-sided p that value(other) - value(base) is at most `than`: small where it is surely more.

    The test that `difference_interval` inverts: p is at most 0.025 exactly where the 95 % interval lies above `than`
    (up to the fifth digit). None where the metric is no finite number, or with fewer than two rows.
    """
    _same_rows(base, other)
    base_right, other_right = right_rows(base, value), right_rows(other, value)
    if base_right is not None and other_right is not None:
        return _share_p(base_right, other_right, than=than)
    drawn = _subset_differences(base, other, value=value, seed=seed)
    return None if drawn is None else float((1 + np.sum(drawn <= than)) / (1 + drawn.size))


def bootstrap_interval(
    base: Floats, other: Floats, *, value: Value, seed: int, level: float = 0.95, resamples: int = RESAMPLES
) -> Bounds | None:
    """Interval for value(other) - value(base), rows resampled in pairs; bias-corrected and accelerated (BCa).

    `base` and `other` are sums a row, [N, K]. None with fewer than two rows, or where the metric is no finite number.
    Falls back to plain percentiles where the correction is not defined (a difference that never varies).
    For macro averages and skewed losses it covers too little below 500 rows: `difference_interval` does not.
    Source: Efron, 1987, JASA 82(397), equations 2.3 and 6.4; for pairs Efron and Tibshirani, 1993, chapter 14.
    """
    _same_rows(base, other)
    observed = float(_difference(value, base.sum(axis=0), other.sum(axis=0)))
    if len(base) < 2 or not np.isfinite(observed):
        return None
    draws = _drawn_rows(np.random.default_rng(seed), len(base), rounds=resamples)
    drawn = finite(_paired(base, other, value=value), draws)
    without = _difference(value, base.sum(axis=0) - base, other.sum(axis=0) - other)
    return bca_interval(drawn, observed, without=without, level=level)


def permutation_p(base: Floats, other: Floats, *, value: Value, seed: int, rounds: int = RESAMPLES) -> float | None:
    """Two-sided p that the two models may be swapped row by row: approximate randomisation, never below 1/(rounds +
    1).

    `base` and `other` are sums a row, [N, K]. None with fewer than two rows, or where the metric is no finite number.
    Source: Noreen, 1989, Computer-Intensive Methods; for F1 and its like Yeh, 2000, COLING, "More accurate tests for
    the statistical significance of result differences".
    """
    _same_rows(base, other)
    observed = abs(_difference(value, base.sum(axis=0), other.sum(axis=0)))
    if len(base) < 2 or not np.isfinite(observed):
        return None
    generator = np.random.default_rng(seed)
    middle, half = (base + other).sum(axis=0) / 2, (other - base) / 2
    reached = total = 0
    for size in blocks(len(base), rounds):
        signs = generator.integers(0, 2, size=(size, len(base)), dtype=np.int8) * 2.0 - 1.0
        shift = signs @ half
        swapped = np.abs(_difference(value, middle - shift, middle + shift))
        reached += int(np.sum(swapped >= observed * (1 - TIE)))
        total += size
    return (1 + reached) / (1 + total)


_drawn_rows = resamples
"""`resamples` is also the name of an argument."""


def _subset_differences(base: Floats, other: Floats, *, value: Value, seed: int) -> Floats | None:
    """The difference on subsets of the rows, [R]; None where it is no finite number on all rows."""
    if len(base) < 2 or not np.isfinite(_difference(value, base.sum(axis=0), other.sum(axis=0))):
        return None
    draws = subsets(np.random.default_rng(seed), len(base), rounds=RESAMPLES)
    return finite(_paired(base, other, value=value), draws)


def _share_p(base_right: NDArray[np.bool_], other_right: NDArray[np.bool_], *, than: float) -> float:
    lost, won = _changed(base_right, other_right)
    rows = len(base_right)
    if abs(than) >= 1:
        return float(than >= 1)
    if rows < FEW_ROWS:
        return exact_p(won, lost, rows=rows, difference=than)
    return float(ndtr(-score(np.float64(won), np.float64(lost), rows=rows, difference=than)))


def _paired(base: Floats, other: Floats, *, value: Value) -> Metric:
    return lambda counts: _difference(value, counts @ base, counts @ other)


def _difference(value: Value, base: Floats, other: Floats) -> Floats:
    return value(other) - value(base)


def _changed(base_right: NDArray[np.bool_], other_right: NDArray[np.bool_]) -> tuple[int, int]:
    """How many rows only the base, and how many only the other model gets right."""
    _same_rows(base_right, other_right)
    return int(np.sum(base_right & ~other_right)), int(np.sum(other_right & ~base_right))


def _same_rows(base: NDArray[np.generic], other: NDArray[np.generic]) -> None:
    if base.shape != other.shape:
        raise ValueError(f"a paired comparison needs the same rows: {base.shape} and {other.shape}.")
