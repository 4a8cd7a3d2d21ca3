"""R2: the share of the numbers' variance that is explained."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.numbers import Floats, true_and_said, with_rest
from tunewright.evaluate.sums import Additive, Summed


class Work(Additive):
    """1 - sum of squared errors / sum of squared distances from the mean of these rows; range (-inf, 1].

    0 is what their own mean would have; equal to scikit-learn's `r2_score`, but not a number where all true numbers are
    the same. Rows whose label is no number, or of which no number was said, are left out.
    """

    range = (-math.inf, 1.0)

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """Squared error, distance from a middle, its square, and 1; the middle keeps large numbers exact."""
        both, known = true_and_said(rows)
        true = both[:, 0] - (both[known, 0].mean() if known.any() else 0.0)
        columns = np.column_stack([(both[:, 0] - both[:, 1]) ** 2, true, true**2])
        return Summed(with_rest(columns, known), explained)


def explained(sums: Floats) -> Floats:
    """R2 of added sums [..., 4]."""
    errors, first, second, rows = np.moveaxis(sums, -1, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = second - first**2 / rows
        return np.where(spread > 1e-12 * np.abs(second), 1 - errors / spread, np.nan)
