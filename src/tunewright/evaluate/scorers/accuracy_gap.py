"""Accuracy gap: how much better the best served group is served than the worst."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.by_group import groups_of, spread
from tunewright.evaluate.sums import SumMetric


class Work(SumMetric):
    """Largest minus smallest share of right answers over the groups of `details["attribute"]`; range [0, 1].

    A gap of estimates is above 0 by chance alone, the more so the more groups there are: read it with its interval.
    Rows without a right answer are left out.
    """

    direction = "lower"

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Right answers and rows of each group, [N, 2 G]."""
        member, _said, _true, right, known = groups_of(rows, labels)
        return np.hstack([member * right, member * known])

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The gap, [...]."""
        right, rows = np.split(sums, 2, axis=-1)
        return spread(right, rows)
