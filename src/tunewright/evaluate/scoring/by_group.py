"""Gaps between groups of rows as functions of sums. N rows, G groups, A answers that are given or true."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.counts import one_hot
from tunewright.evaluate.sums import has_spoken

Floats = NDArray[np.float64]
MOST_ANSWERS = 100
"""Of rows without labels: with more different right answers a share of each says nothing, and costs memory."""


class Groups(NamedTuple):
    """Rows by group [N, G], by the answer that was given [N, A], and by the true one [N, A]; zeros where unknown.

    `right` [N, 1] is 1 where the given answer is the true one, `known` [N, 1] where there is a true one.
    """

    member: Floats
    said: Floats
    true: Floats
    right: Floats
    known: Floats


def groups_of(rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Groups:
    """Groups from `details["attribute"]`; a row without an answer is in none.

    Answers are the labels, or without labels all that are right, of which there may be `MOST_ANSWERS`, else none.
    """
    names = [row.row.details.get("attribute") if has_spoken(row) else None for row in rows]
    groups = sorted({name for name in names if name is not None})
    true = [right_answer(row.row, labelled=bool(labels)) for row in rows]
    given = [row.predicted for row in rows]
    answers = list(labels) or sorted({each for each in true if each is not None})
    answers = answers if labels or len(answers) <= MOST_ANSWERS else []
    return Groups(
        one_hot(names, groups),
        one_hot(given, answers),
        one_hot(true, answers),
        _column([each is not None and each == said for each, said in zip(true, given, strict=True)]),
        _column([each is not None for each in true]),
    )


def right_answer(row: Row, *, labelled: bool) -> str | None:
    """The label of a row where rows have labels, else its target; None where it has none."""
    return row.label if labelled else row.target.strip() or None


def by_answer(counted: Floats, member: Floats) -> Floats:
    """What is counted of each answer [N, A], by group as well: [N, A G]."""
    return (counted[:, :, None] * member[:, None, :]).reshape(len(member), counted.shape[1] * member.shape[1])


def spread(top: Floats, bottom: Floats) -> Floats:
    """Largest minus smallest share top / bottom over the last axis; groups with nothing to divide by are left out.

    Not a number where fewer than two groups are left.
    """
    shares = np.divide(top, bottom, out=np.full(np.shape(top), np.nan), where=bottom > 0)
    known = np.isfinite(shares)
    high = np.where(known, shares, -np.inf).max(axis=-1, initial=-np.inf)
    low = np.where(known, shares, np.inf).min(axis=-1, initial=np.inf)
    return np.where(known.sum(axis=-1) >= 2, high - low, np.nan)


def largest(gaps: Floats) -> Floats:
    """The largest gap over the last axis, those that are no number left out; not a number where all are."""
    known = np.isfinite(gaps)
    return np.where(known.any(axis=-1), np.where(known, gaps, 0.0).max(axis=-1, initial=0.0), np.nan)


def _column(values: Sequence[bool]) -> Floats:
    return np.array(values, dtype=np.float64).reshape(len(values), 1)
