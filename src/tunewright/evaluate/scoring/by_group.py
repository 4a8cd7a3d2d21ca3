"""Gaps between groups of rows as functions of sums. N rows, G groups, A answers that are given or true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.counts import one_hot

Floats = NDArray[np.float64]


class Groups(NamedTuple):
    """Rows by group [N, G], by the answer that was given [N, A], and by the true one [N, A]; zeros where unknown."""

    member: Floats
    said: Floats
    true: Floats


def groups_of(rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Groups:
    """Groups from `details["attribute"]`; answers are the labels, or without labels all that is given or true."""
    names = [row.row.details.get("attribute") for row in rows]
    known = sorted({name for name in names if name is not None})
    true = [row.row.label if labels else row.row.target.strip() for row in rows]
    answers = list(labels) or sorted({each for each in true if each is not None})
    said = [row.predicted for row in rows]
    return Groups(one_hot(names, known), one_hot(said, answers), one_hot(true, answers))


def spread(top: Floats, bottom: Floats) -> Floats:
    """Largest minus smallest share top / bottom over the last axis; groups with nothing to divide by are left out.

    Not a number where fewer than two groups are left.
    """
    shares = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    known = np.isfinite(shares)
    high = np.where(known, shares, -np.inf).max(axis=-1, initial=-np.inf)
    low = np.where(known, shares, np.inf).min(axis=-1, initial=np.inf)
    return np.where(known.sum(axis=-1) >= 2, high - low, np.nan)
