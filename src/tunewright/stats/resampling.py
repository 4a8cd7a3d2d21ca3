"""Draws of rows, and what intervals and tests make of them. N rows, K sums a row, R draws.

Every metric is a function `value` of sums over rows (right answers, tokens, counts a label), so a draw is a product of
a matrix of row counts with a matrix of row sums. A `Metric` below is that function already bound to its rows: from how
often each row counts, [R, N], to the metric (or to the difference of two models), [R].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Value = Callable[[Floats], Floats]
"""From sums [..., K] to the metric [...]."""
Metric = Callable[[Floats], Floats]
"""From row counts [R, N] to the metric [R]."""
Bounds = tuple[float, float]

RESAMPLES = 10_000
DRAWS = 10**8
"""Random draws a comparison may cost; beyond 10,000 rows there are fewer resamples, and never fewer than 1,000."""
BLOCK_DRAWS = 2_000_000
TIE = 1e-9
ALL_SUBSETS = 13
"""Up to this many rows every subset is taken (8,191), beyond it 10,000 at random."""


def blocks(rows: int, rounds: int) -> Iterator[int]:
    """Sizes of blocks of draws, so that memory stays small."""
    left = min(rounds, max(1_000, DRAWS // rows))
    size = max(1, BLOCK_DRAWS // rows)
    while left > 0:
        yield min(size, left)
        left -= size


def resamples(generator: np.random.Generator, rows: int, *, rounds: int) -> Iterator[Floats]:
    """How often each row was drawn with replacement: matrices [block, N] whose rows sum to N."""
    for size in blocks(rows, rounds):
        drawn = generator.integers(0, rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def subsets(generator: np.random.Generator, rows: int, *, rounds: int) -> Iterator[Floats]:
    """Which rows are in a subset: matrices [block, N] of 0 and 1; all subsets but the empty one where they are few."""
    if rows <= ALL_SUBSETS:
        numbers = np.arange(1, 2**rows)
        yield (numbers[:, None] >> np.arange(rows) & 1).astype(np.float64)
        return
    for size in blocks(rows, rounds):
        bits = np.frombuffer(generator.bytes(-(-size * rows // 8)), dtype=np.uint8)
        yield np.unpackbits(bits, count=size * rows).reshape(size, rows).astype(np.float64)


def finite(metric: Metric, draws: Iterator[Floats]) -> Floats:
    """The metric of every draw; draws where it is no finite number are left out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = np.concatenate([metric(counts) for counts in draws])
    return drawn[np.isfinite(drawn)]


def studentised(metric: Metric, draws: Iterator[Floats], *, observed: float, pseudo: Floats) -> Floats:
    """How many of its own standard errors each bootstrapped metric is above the observed one.

    The standard error of a draw is that of the jackknife's pseudo-values [N] in it, so it costs two sums more a draw.
    Source: Efron and Tibshirani, 1993, An Introduction to the Bootstrap, section 12.5 and chapter 11.
    """
    rows, centred = len(pseudo), pseudo - pseudo.mean()
    columns = np.column_stack([centred, centred**2])
    found: list[Floats] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for counts in draws:
            first, second = (counts @ columns / rows).T
            error = np.sqrt(np.maximum(second - first**2, 0) / (rows - 1))
            found.append((metric(counts) - observed) / error)
    ratios = np.concatenate(found)
    return ratios[np.isfinite(ratios)]


def pseudo_values(without: Floats, observed: float) -> Floats:
    """What each row adds: n times the metric less n - 1 times the metric without the row; [N] to [N].

    For a mean these are the rows' own values. Source: Tukey, 1958, Annals of Mathematical Statistics 29, page 614.
    """
    rows = len(without)
    return rows * observed - (rows - 1) * without


def bca_interval(drawn: Floats, observed: float, *, without: Floats, level: float) -> Bounds | None:
    """Bias-corrected and accelerated interval; None without draws.

    `drawn` [R] are bootstrapped metrics, `without` [N] the metric with one row left out each. Falls back to plain
    percentiles where the correction is not defined (a metric that never varies).
    Source: Efron, 1987, JASA 82(397), equations 2.3 and 6.4.
    """
    if not drawn.size:
        return None
    low, high = np.quantile(drawn, _bca_levels(drawn, observed, without=without, level=level))
    return float(low), float(high)


def _bca_levels(drawn: Floats, observed: float, *, without: Floats, level: float) -> Floats:
    """The two quantiles of the drawn metrics that bound the interval."""
    plain = np.array([(1 - level) / 2, (1 + level) / 2])
    below = (np.mean(drawn < observed) + np.mean(drawn <= observed)) / 2
    spread = without.mean() - without
    scale = 6 * np.sum(spread**2) ** 1.5
    if not 0 < below < 1 or not np.isfinite(scale) or scale == 0:
        return plain
    bias, acceleration = ndtri(below), np.sum(spread**3) / scale
    shifted = bias + ndtri(plain)
    room = 1 - acceleration * shifted
    return ndtr(bias + shifted / room) if np.all(room > 0) else plain


def typical_interval(drawn: Floats, *, level: float) -> Bounds | None:
    """The interval that inverts the sign-flip test: order statistics of the metric over subsets; None if too few.

    `drawn` [R] are metrics of subsets. Flipping the signs of the rows outside a subset makes the mean as far from a
    supposed centre exactly when the subset's own mean is beyond it, so each of the R + 1 gaps between sorted subset
    means holds the centre equally often, and the interval is exact for means of values that spread evenly around their
    centre (differences of two models that may be swapped). Below six rows no such interval reaches 95 %: None.
    Source: Hartigan, 1969, JASA 64(328), "Using subsample values as typical values".
    """
    outside = int(np.floor((1 - level) / 2 * (drawn.size + 1) + 1e-9))
    if outside < 1:
        return None
    ordered = np.partition(drawn, (outside - 1, drawn.size - outside))
    return float(ordered[outside - 1]), float(ordered[drawn.size - outside])


def unseen(point: float, bounds: Bounds, *, rows: int, level: float) -> Bounds:
    """The interval of a mean whose rows are all alike: a share of other rows may exist that is too small to be seen.

    A share of q rows is missed by all of n rows with probability (1 - q)^n; the largest q that is not yet unlikely
    moves the metric from `point` to either of `bounds` by that share. Exact for means over rows, and an allowance
    else. Source: the rule of three, as the end of the interval of Clopper and Pearson, 1934.
    """
    share = 1 - ((1 - level) / 2) ** (1 / rows)
    low, high = bounds
    return point + share * (low - point), point + share * (high - point)
