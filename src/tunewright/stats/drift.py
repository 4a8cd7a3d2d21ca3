"""Do new texts, scores or embeddings still come from where the old ones came from? Four tests, one kind of answer.

`x` is the reference (rows the model was trained or measured on), `y` what came later. N rows of x, M rows of y, D
numbers a row. The p of each test is the chance of a statistic at least as large where nothing has drifted.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist
from scipy.stats import chi2, ks_2samp

from tunewright.stats.classifier import held_out_auc
from tunewright.stats.resampling import TIE, Floats

MOST_ROWS = 2_000
"""Rows a side that MMD takes; of more it draws this many (its cost grows with their square)."""
ROUNDS = 1_000
MOVED_A_LITTLE, MOVED_A_LOT = 0.1, 0.25
"""What is usually read from a PSI: below the first nothing moved, above the second a lot did (Siddiqi, 2006)."""
EMPTY = 0.5
"""Rows that an empty bin is counted as, so that its logarithm is a number."""


FITS, FOLDS, COMPONENTS, RIDGE = 200, 5, 20, 1.0


class Drift(NamedTuple):
    """The statistic of a drift test and its p, in (0, 1]."""

    statistic: float
    p: float


def mmd(x: ArrayLike, y: ArrayLike, *, seed: int, rounds: int = ROUNDS) -> Drift:
    """Unbiased squared maximum mean discrepancy of rows [N, D] and [M, D], with a permutation p.

    About 0 (also below) where nothing differs, at most 2. The kernel is exp(-d^2 / (2 s^2)) with s the median distance
    of all rows; p counts label permutations and is never below 1/(rounds + 1). Exact whatever the rows are like.
    Beyond 2,000 rows a side, 2,000 are drawn by `seed`. Raises ValueError for fewer than two rows a side or numbers
    that are none. Source: Gretton, Borgwardt, Rasch, Schölkopf and Smola, 2012, JMLR 13, equation 3.
    """
    generator = np.random.default_rng(seed)
    old, new = (_drawn(rows, generator) for rows in _rows(x, y))
    kernel = _kernel(np.concatenate([old, new]))
    every = np.arange(len(kernel)) < len(old)
    labels = np.stack([every, *(generator.permutation(every) for _ in range(rounds))])
    found = _discrepancies(kernel, labels.astype(np.float64))
    return Drift(float(found[0]), _rank_p(found))


def _drawn(rows: Floats, generator: np.random.Generator) -> Floats:
    return rows if len(rows) <= MOST_ROWS else generator.choice(rows, MOST_ROWS, replace=False)


def _kernel(rows: Floats) -> Floats:
    """The kernel of all pairs with zeros on the diagonal; all ones where half of all rows are equal and no scale is."""
    squared = np.asarray(cdist(rows, rows, "sqeuclidean"), dtype=np.float64)
    scale = float(np.median(np.sqrt(squared[np.triu_indices(len(rows), 1)]))) ** 2 or float(squared.mean())
    kernel = np.exp(-squared / (2 * scale)) if scale else np.ones_like(squared)
    np.fill_diagonal(kernel, 0.0)
    return kernel


def _discrepancies(kernel: Floats, first: Floats) -> Floats:
    """Squared discrepancies [R] for rows of labels [R, N + M]; 1 is the first sample."""
    sizes = first.sum(axis=1)
    others = first.shape[1] - sizes
    towards = first @ kernel
    within, all_pairs = (towards * first).sum(axis=1), kernel.sum()
    between = towards.sum(axis=1) - within
    rest = all_pairs - within - 2 * between
    return within / (sizes * (sizes - 1)) + rest / (others * (others - 1)) - 2 * between / (sizes * others)


def _rank_p(found: Floats) -> float:
    """The p of the first of statistics whose others come from permutations."""
    return float((1 + np.sum(found[1:] >= found[0] - TIE * abs(found[0]))) / len(found))


def ks(x: ArrayLike, y: ArrayLike) -> Drift:
    """Two-sample Kolmogorov-Smirnov test of numbers [N] and [M]: the largest gap of their distribution functions, 0 to
    1.

    p is exact up to 10,000 rows a side, and too large (never too small) where values repeat. Raises ValueError for
    fewer than two rows a side or numbers that are none. Source: Hodges, 1958, Arkiv för Matematik 3, 469-486, by
    scipy.
    """
    old, new = _numbers(x, y)
    statistic, p = tuple(ks_2samp(old, new))[:2]
    return Drift(float(statistic), float(p))


def psi(x: ArrayLike, y: ArrayLike, *, bins: int = 10) -> Drift:
    """Population stability index of numbers [N] and [M] over bins of equal shares of `x`, from 0.

    Usual reading: below 0.1 nothing moved, above 0.25 a lot did; but with few rows large values come by chance, so p
    is that of a chi-squared law with a degree of freedom fewer than bins, times 1/N + 1/M. Edges are quantiles of `x`;
    equal ones are one bin; an empty bin counts as half a row. p is close to its level from 20 rows a bin on. Raises
    ValueError for fewer than two rows a side, fewer than two bins or numbers that are none. Source: Siddiqi, 2006,
    Credit Risk Scorecards; the law by Yurdakul and Naranjo, 2020, Journal of Risk Model Validation 14(4).
    """
    old, new = _numbers(x, y)
    if bins < 2:
        raise ValueError(f"a distribution needs at least two bins, not {bins}.")
    edges = np.unique(np.quantile(old, np.arange(1, bins) / bins))
    counts = np.stack([_counts(rows, edges) for rows in (old, new)])
    held = np.maximum(counts[:, counts.any(axis=0)], EMPTY)
    expected, found = held / held.sum(axis=1, keepdims=True)
    statistic = float(np.sum((found - expected) * np.log(found / expected)))
    spread = 1 / len(old) + 1 / len(new)
    return Drift(statistic, float(chi2.sf(statistic / spread, max(1, len(found) - 1))))


def _counts(rows: Floats, edges: Floats) -> Floats:
    """Rows a bin; values on an edge are below it."""
    return np.bincount(np.searchsorted(edges, rows, side="left"), minlength=len(edges) + 1).astype(np.float64)


def classifier_drift(x: ArrayLike, y: ArrayLike, *, seed: int, rounds: int = FITS) -> Drift:
    """Area under the ROC curve of a classifier that tells `y` from `x` on rows it has not seen; [N, D] and [M, D].

    0.5 where nothing differs (chance moves it around that), 1 where every row tells where it is from. A logistic
    regression with five folds on the 20 principal components of both samples together; p counts label permutations,
    each learnt anew, and is never below 1/(rounds + 1). Exact whatever the rows are like. Beyond 2,000 rows a side,
    2,000 are drawn by `seed`. Raises ValueError for fewer than two rows a side or numbers that are none. Source:
    Lopez-Paz and Oquab, 2017, ICLR, "Revisiting classifier two-sample tests"; permuted as in Kim, Ramdas, Singh and
    Wasserman, 2021, Annals of Statistics 49(1).
    """
    generator = np.random.default_rng(seed)
    old, new = (_drawn(rows, generator) for rows in _rows(x, y))
    every = np.concatenate([np.zeros(len(old)), np.ones(len(new))])
    labels = np.stack([every, *(generator.permutation(every) for _ in range(rounds))], axis=1)
    folds = generator.permutation(len(every)) % FOLDS
    found = held_out_auc(_components(np.concatenate([old, new])), labels, folds=folds, ridge=RIDGE)
    return Drift(float(found[0]), _rank_p(found))


def _components(rows: Floats) -> Floats:
    """Principal components of standardised columns, each of variance 1 at most; labels play no part in them."""
    spread = rows.std(axis=0)
    scaled = (rows - rows.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    left, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
    kept = min(COMPONENTS, int(np.sum(lengths > TIE * max(1.0, float(lengths[0])))))
    return left[:, :kept] * np.sqrt(len(rows))


def _numbers(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    old, new = _rows(x, y)
    if old.shape[1] != 1:
        raise ValueError(f"this test takes one number a row, not {old.shape[1]}.")
    return old[:, 0], new[:, 0]


def _rows(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    """Both samples as matrices of finite numbers."""
    found = [np.asarray(rows, dtype=np.float64) for rows in (x, y)]
    old, new = (rows[:, None] if rows.ndim == 1 else rows for rows in found)
    if old.ndim != 2 or new.ndim != 2 or old.shape[1:] != new.shape[1:] or min(len(old), len(new)) < 2:
        raise ValueError(f"two samples of at least two rows of equal width are needed: {old.shape} and {new.shape}.")
    if not (np.isfinite(old).all() and np.isfinite(new).all()):
        raise ValueError("a sample holds numbers that are not finite.")
    return old, new
