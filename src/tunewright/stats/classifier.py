"""A logistic regression that learns many label vectors of the same rows at once. N rows, D numbers a row, R label
vectors.

The permutation test of `classifier_drift` learns hundreds of label vectors on one matrix. The bound of Böhning and
Lindsay replaces the Hessian, which differs by labels, by a quarter of X'X, which does not: every step is one matrix
product.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit
from scipy.stats import rankdata

from tunewright.stats.resampling import Floats

STEPS = 500
FEW_STEPS = 30
STILL = 1e-8


def logistic(rows: Floats, labels: Floats, *, ridge: float, steps: int = STEPS) -> Floats:
    """Weights [D + 1, R], the last of them the intercept, of the ridge-penalised logistic regression of 0/1 labels [N,
    R].

    Minimises the sum of log losses plus ridge / 2 times the squared weights without the intercept, which is what
    scikit-learn's LogisticRegression minimises with C = 1 / ridge. Stops when no weight moves by 1e-8, or after
    `steps`. Source: Böhning and Lindsay, 1988, Annals of the Institute of Statistical Mathematics 40(4), 641-663.
    """
    design = np.column_stack([rows, np.ones(len(rows))])
    penalty = np.full(design.shape[1], ridge)
    penalty[-1] = 0.0
    bound = cho_factor(design.T @ design / 4 + np.diag(penalty + 1e-9))
    weights = np.zeros((design.shape[1], labels.shape[1]))
    for _ in range(steps):
        slope = design.T @ (labels - expit(design @ weights)) - penalty[:, None] * weights
        step = np.asarray(cho_solve(bound, slope), dtype=np.float64)
        weights += step
        if np.max(np.abs(step)) < STILL:
            break
    return weights


def held_out_auc(rows: Floats, labels: Floats, *, folds: NDArray[np.int64], ridge: float) -> Floats:
    """How well labels [N, R] are told from rows that were not learnt from: mean area under the ROC curve of folds,
    [R].

    `folds` [N] numbers the fold of each row. 0.5 is guessing, 1 is certainty; a fold with one label only counts as
    0.5. Few steps are taken: the area no longer changes when weights still do.
    """
    areas = []
    for fold in range(int(folds.max()) + 1):
        out = folds == fold
        weights = logistic(rows[~out], labels[~out], ridge=ridge, steps=FEW_STEPS)
        areas.append(auc(rows[out] @ weights[:-1], labels[out]))
    return np.mean(areas, axis=0)


def auc(scores: Floats, labels: Floats) -> Floats:
    """Area under the ROC curve of each column, [R], of scores and 0/1 labels [N, R]; ties count half, one label 0.5."""
    positive = labels.sum(axis=0)
    pairs = positive * (len(labels) - positive)
    ranks = (rankdata(scores, axis=0) * labels).sum(axis=0)
    return np.where(pairs > 0, (ranks - positive * (positive + 1) / 2) / np.maximum(pairs, 1), 0.5)
