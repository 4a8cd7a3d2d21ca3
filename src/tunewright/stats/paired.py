"""Paired comparison of two models on the same rows: an interval for the difference, and tests of no difference.

Every metric here is a function of sums over rows (right answers, tokens, counts a label), so a resample is a product of
a matrix of row counts with a matrix of row sums. N rows, K sums a row, R resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri
from scipy.stats import binomtest

Floats = NDArray[np.float64]
Value = Callable[[Floats], Floats]
"""From sums [..., K] to the metric [...]."""

RESAMPLES = 10_000
DRAWS = 10**8
"""Random draws a comparison may cost; beyond 10,000 rows there are fewer resamples, and never fewer than 1,000."""
BLOCK_DRAWS = 2_000_000
TIE = 1e-9


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
    _same_rows(base_right, other_right)
    only_base = int(np.sum(base_right & ~other_right))
    only_other = int(np.sum(other_right & ~base_right))
    changed = only_base + only_other
    p = float(binomtest(only_other, changed, 0.5).pvalue) if changed else 1.0
    return McNemar(only_base, only_other, p)


def bootstrap_interval(
    base: Floats, other: Floats, *, value: Value, seed: int, level: float = 0.95, resamples: int = RESAMPLES
) -> tuple[float, float] | None:
    """Interval for value(other) - value(base), rows resampled in pairs; bias-corrected and accelerated (BCa).

    `base` and `other` are sums a row, [N, K]. None with fewer than two rows, or where the metric is no finite number.
    Falls back to plain percentiles where the correction is not defined (a difference that never varies).
    Source: Efron, 1987, JASA 82(397), equations 2.3 and 6.4; for pairs Efron and Tibshirani, 1993, chapter 14.
    """
    _same_rows(base, other)
    rows = len(base)
    observed = _difference(value, base.sum(axis=0), other.sum(axis=0))
    if rows < 2 or not np.isfinite(observed):
        return None
    generator = np.random.default_rng(seed)
    blocks = [
        _difference(value, counts @ base, counts @ other) for counts in _resamples(generator, rows, resamples=resamples)
    ]
    drawn = np.concatenate(blocks)
    drawn = drawn[np.isfinite(drawn)]
    if not drawn.size:
        return None
    without = _difference(value, base.sum(axis=0) - base, other.sum(axis=0) - other)
    low, high = np.quantile(drawn, _bca_levels(drawn, float(observed), without=without, level=level))
    return float(low), float(high)


def permutation_p(base: Floats, other: Floats, *, value: Value, seed: int, rounds: int = RESAMPLES) -> float | None:
    """Two-sided p that the two models may be swapped row by row: approximate randomisation, never below 1/(rounds + 1).

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
    for size in _blocks(len(base), rounds):
        signs = generator.integers(0, 2, size=(size, len(base)), dtype=np.int8) * 2.0 - 1.0
        shift = signs @ half
        swapped = np.abs(_difference(value, middle - shift, middle + shift))
        reached += int(np.sum(swapped >= observed * (1 - TIE)))
        total += size
    return (1 + reached) / (1 + total)


def _difference(value: Value, base: Floats, other: Floats) -> Floats:
    return value(other) - value(base)


def _same_rows(base: NDArray[np.generic], other: NDArray[np.generic]) -> None:
    if base.shape != other.shape:
        raise ValueError(f"a paired comparison needs the same rows: {base.shape} and {other.shape}.")


def _blocks(rows: int, rounds: int) -> Iterator[int]:
    """Sizes of blocks of resamples, so that memory stays small."""
    left = min(rounds, max(1_000, DRAWS // rows))
    size = max(1, BLOCK_DRAWS // rows)
    while left > 0:
        yield min(size, left)
        left -= size


def _resamples(generator: np.random.Generator, rows: int, *, resamples: int) -> Iterator[Floats]:
    """How often each row was drawn: matrices [block, N] whose rows sum to N."""
    for size in _blocks(rows, resamples):
        drawn = generator.integers(0, rows, size=(size, rows)) + np.arange(size)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=size * rows).reshape(size, rows).astype(np.float64)


def _bca_levels(drawn: Floats, observed: float, *, without: Floats, level: float) -> Floats:
    """The two quantiles of the resampled differences that bound the interval."""
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
