"""Differences of two shares on the same rows: the score test of Tango, and the exact test that is built on it.

Of n rows, `lost` are right in the first model only and `won` in the second only; difference = (won - lost) / n.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.special import bdtrc, betaincinv, gammaln, ndtri, xlog1py, xlogy

from tunewright.stats.resampling import TIE, Bounds, Floats, Value

Counts = Floats | np.float64

CHANGED_SHARES = 64
"""Values of the unknown share of changed rows at which the exact p is computed; the largest counts."""
SURE_OF_CHANGED = 1e-4
"""The share of changed rows is sought in its own interval, whose error is added to p (Berger and Boos, 1994)."""
HALVINGS = 18
TINY = 1e-300


def right_rows(sums: Floats, value: Value) -> NDArray[np.bool_] | None:
    """Which rows are right, [N], where the metric of sums [N, K] is the share of right rows; None where it is not.

    It is one where every row alone has the value 0 or 1, and all rows together have the mean of these. Families that
    were added up pass when each is all right or all wrong and all are of one size: then they are rows themselves.
    """
    if not len(sums):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        alone, together = value(sums), float(value(sums.sum(axis=0)))
    shared = np.all((alone == 0) | (alone == 1)) and abs(together - float(alone.mean())) < TIE
    return alone == 1 if shared else None


def clopper_pearson(right: int, n: int, *, level: float) -> Bounds:
    """Exact interval of a share: the shares that neither one-sided binomial test rejects.

    Source: Clopper and Pearson, 1934, Biometrika 26(4), 404-413, by quantiles of beta distributions.
    """
    tail = (1 - level) / 2
    low = float(betaincinv(right, n - right + 1, tail)) if right else 0.0
    high = float(betaincinv(right + 1, n - right, 1 - tail)) if right < n else 1.0
    return low, high


def score(won: Counts, lost: Counts, *, rows: int, difference: float) -> Floats:
    """Tango's score: how many standard errors the difference seen is above the supposed one.

    `won` and `lost` are counts of one shape, `difference` in (-1, 1). Zero where nothing changed and no difference is
    supposed. Source: Tango, 1998, Statistics in Medicine 17(8), 891-908.
    """
    slope = -(won + lost) + (2 * rows - won + lost) * difference
    root = np.sqrt(np.maximum(slope**2 + 8 * rows * lost * difference * (1 - difference), 0))
    only_first = np.clip((root - slope) / (4 * rows), max(0.0, -difference), (1 - difference) / 2)
    variance = rows * (2 * only_first + difference * (1 - difference))
    gap = won - lost - rows * difference
    return np.where(np.abs(gap) < TIE, 0.0, gap / np.sqrt(np.maximum(variance, TINY)))


def score_interval(won: int, lost: int, *, rows: int, level: float) -> Bounds:
    """Differences that Tango's score test does not reject."""
    limit = float(ndtri((1 + level) / 2))
    return -_score_bound(lost, won, rows=rows, limit=limit), _score_bound(won, lost, rows=rows, limit=limit)


def _score_bound(won: int, lost: int, *, rows: int, limit: float) -> float:
    """The upper bound."""

    def above(difference: float) -> float:
        return float(score(np.float64(won), np.float64(lost), rows=rows, difference=difference)) + limit

    edge, seen = 1 - 1e-12, (won - lost) / rows
    if seen >= edge or above(edge) >= 0:
        return 1.0
    return float(root_scalar(above, bracket=(max(seen, -edge), edge), method="brentq", xtol=1e-12).root)


def exact_p(won: int, lost: int, *, rows: int, difference: float) -> float:
    """One-sided p that the second model is better by no more than `difference`.

    The probability of a score at least as high as the one seen, at the share of changed rows where it is largest.
    `difference` in (-1, 1). It costs some milliseconds at 200 rows and grows with their square. Source: the
    unconditional exact test of Hsueh, Liu and Chen, 2001, Biometrics 57(2), 478-483, with the score of Tango; the
    unknown share is confined as in Berger and Boos, 1994, JASA 89(427), 1012-1016.
    """
    beyond = _least_won(won, lost, rows=rows, difference=difference)
    changed = _changed_shares(won + lost, rows=rows, difference=difference)[:, None]
    counts = np.arange(rows + 1.0)
    weights = gammaln(rows + 1) - gammaln(counts + 1) - gammaln(rows - counts + 1)
    weights = np.exp(weights + xlogy(counts, changed) + xlog1py(rows - counts, -changed))
    side = np.clip(0.5 + 0.5 * difference / np.maximum(changed, TIE), 0, 1)
    tail = np.where(beyond > 0, bdtrc(np.maximum(beyond - 1, 0), counts.astype(np.int64), side), 1.0)
    tail = np.where(beyond > counts, 0.0, tail)
    return float(min(1.0, np.max((weights * tail).sum(axis=1)) + SURE_OF_CHANGED))


def _least_won(won: int, lost: int, *, rows: int, difference: float) -> Floats:
    """For 0 to n changed rows, how many must be won for a score as high as the one seen; [n + 1]."""
    changed, gained = np.arange(rows + 1.0)[:, None], np.arange(rows + 1.0)[None, :]
    scores = score(gained, np.maximum(changed - gained, 0), rows=rows, difference=difference)
    seen = float(score(np.float64(won), np.float64(lost), rows=rows, difference=difference))
    return np.sum((scores < seen - TIE) & (gained <= changed), axis=1).astype(np.float64)


def _changed_shares(changed: int, *, rows: int, difference: float) -> Floats:
    """The shares of changed rows that are possible: at least the difference, and within their own exact interval."""
    low, high = clopper_pearson(changed, rows, level=1 - SURE_OF_CHANGED)
    least = abs(difference)
    low, high = max(least, low), max(least, high)
    return low + (high - low) * np.linspace(0, 1, CHANGED_SHARES)


def exact_interval(won: int, lost: int, *, rows: int, level: float) -> Bounds:
    """Differences that the exact test does not reject on either side, to 1e-5."""
    tail = (1 - level) / 2
    return _exact_bound(won, lost, rows=rows, tail=tail), -_exact_bound(lost, won, rows=rows, tail=tail)


def _exact_bound(won: int, lost: int, *, rows: int, tail: float) -> float:
    """The lower bound, rounded outwards."""
    rejected, kept = -1.0, min((won - lost) / rows, 1 - 1e-9)
    for _ in range(HALVINGS):
        middle = (rejected + kept) / 2
        if exact_p(won, lost, rows=rows, difference=middle) <= tail:
            rejected = middle
        else:
            kept = middle
    return rejected
