"""Spearman: do the numbers that are said stand in the order of the true ones?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.numbers import Floats, true_and_said, with_rest
from tunewright.evaluate.sums import Additive, Summed


class Work(Additive):
    """Correlation of ranks, ties with their mean rank; range [-1, 1]. Equal to SciPy's `spearmanr`.

    Not a number where all said or all true numbers are the same. A part of the rows, and a resample, has the ranks of
    all rows. Rows whose label is no number, or of which no number was said, are left out.
    """

    range = (-1.0, 1.0)

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """Both ranks, less their middle, their squares and product, and 1."""
        both, known = true_and_said(rows)
        ranks = np.zeros_like(both)
        ranks[known] = rankdata(both[known], axis=0) - (known.sum() + 1) / 2
        true, said = ranks.T
        return Summed(with_rest(np.column_stack([true, said, true**2, said**2, true * said]), known), correlation)


def correlation(sums: Floats) -> Floats:
    """Pearson's correlation of added sums [..., 6]."""
    x, y, xx, yy, xy, rows = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.sqrt((xx - x * x / rows) * (yy - y * y / rows))
        found = np.where(spread > 1e-9 * np.sqrt(xx * yy), (xy - x * y / rows) / spread, np.nan)
    return np.clip(found, -1.0, 1.0)
