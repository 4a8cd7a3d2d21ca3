"""Odds gap: do both kinds of error fall on groups alike?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.by_group import groups_of, spread
from tunewright.evaluate.sums import SumMetric


class Work(SumMetric):
    """Largest difference between groups in how often an answer is given where it is right, or wrong; range [0, 1].

    Equalised odds over every answer against the rest. Source: Hardt, Price and Srebro, 2016, arXiv 1610.02413, as a
    difference.
    """

    direction = "lower"

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Of each answer and group: given and right, right, given and wrong, wrong rows, [N, 4 A G]."""
        member, said, true = groups_of(rows, labels)
        self._groups = member.shape[1]
        cells = said.shape[1] * member.shape[1]
        counts = [said * true, true, said * (1 - true), 1 - true]
        return np.hstack([(count[:, :, None] * member[:, None, :]).reshape(len(rows), cells) for count in counts])

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The gap, [...]."""
        if not self._groups or not sums.shape[-1]:
            return np.full(sums.shape[:-1], np.nan)
        parts = sums.reshape(*sums.shape[:-1], 4, -1, self._groups)
        gaps = [spread(parts[..., 2 * kind, :, :], parts[..., 2 * kind + 1, :, :]) for kind in (0, 1)]
        both = np.concatenate(gaps, axis=-1)
        known = np.isfinite(both)
        return np.where(known.any(axis=-1), np.where(known, both, 0.0).max(axis=-1), np.nan)
