"""Numbers that a model says against those that are true. N rows, K sums a row."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, RowMean

Floats = NDArray[np.float64]


def number_of(text: str | None) -> float | None:
    """A text as a finite number, or None."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def true_and_said(rows: Sequence[AnsweredRow]) -> tuple[Floats, NDArray[np.bool_]]:
    """The number that is true of each row and the one that was said, [N, 2], NaN where either is missing; and which
    rows have both, [N]."""
    pairs = [(number_of(row.row.label), number_of(row.predicted)) for row in rows]
    found = [(math.nan, math.nan) if true is None or said is None else (true, said) for true, said in pairs]
    both = np.array(found, dtype=np.float64).reshape(len(rows), 2)
    return both, np.isfinite(both[:, 0])


def with_rest(columns: Floats, known: NDArray[np.bool_]) -> Floats:
    """Columns [N, K - 1] and 1 for each row that is known, [N, K]; zeros for the others."""
    return np.where(known[:, None], np.column_stack([columns, np.ones(len(columns))]), 0.0)


class NumberError(RowMean):
    """A mean of what is computed of each row's true and said number. Rows without either are left out."""

    direction = "lower"
    range = (0.0, math.inf)

    def of(self, true: float, said: float) -> float:
        """The error of one row."""
        raise NotImplementedError

    def one(self, row: AnsweredRow) -> float:
        """The error of one row; NaN where a number is missing."""
        true, said = number_of(row.row.label), number_of(row.predicted)
        return UNMEASURED if true is None or said is None else self.of(true, said)
