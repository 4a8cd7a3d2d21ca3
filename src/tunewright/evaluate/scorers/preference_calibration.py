"""Preference calibration: how far the confidence in one of two answers is from how often it is the better one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.calibration import bin_sums, calibration_error
from tunewright.evaluate.scoring.pairs import pair, preference
from tunewright.evaluate.sums import SumMetric


class Work(SumMetric):
    """Expected calibration error of sigmoid(|difference of the two numbers|), over bins of equal width; range [0, 1].

    0 is perfect: that is the probability by Bradley and Terry (1952). A tie has the confidence 1/2 and is half right.
    With few rows in a bin the error is too large by chance. Rows that have not exactly two choices are left out.
    """

    direction = "lower"

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Confidence minus hit, bin by bin, and 1 for a measured row, [N, bins + 1]."""
        return bin_sums([_judged(row) for row in rows], self.options.bins)

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The error."""
        return calibration_error(sums)


def _judged(row: AnsweredRow) -> tuple[float, float] | None:
    """Confidence in [1/2, 1], and how right the choice is."""
    found = pair(row)
    return (1 / (1 + float(np.exp(-abs(found[0] - found[1])))), preference(row)) if found else None
