"""Calibration: how far the model's confidence is from how often it is right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.calibration import bin_sums, calibration_error, judged
from tunewright.evaluate.sums import SumMetric


class Work(SumMetric):
    """Expected calibration error over bins of equal width; range [0, 1], 0 is perfect.

    A model that is always sure and always right is perfect too, so read it beside accuracy. With few rows in a bin the
    error is too large by chance. Rows without probabilities, and without what tells right from wrong, are left out.
    """

    direction = "lower"

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Confidence minus hit, bin by bin, and 1 for a measured row, [N, bins + 1]."""
        return bin_sums([judged(row, labels) for row in rows], self.options.bins)

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The error."""
        return calibration_error(sums)
