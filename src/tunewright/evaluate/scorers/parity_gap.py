"""Parity gap: does a group get some answer more often than another group?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.by_group import groups_of, spread
from tunewright.evaluate.sums import SumMetric


class Work(SumMetric):
    """Largest difference between groups in the share of rows that get one answer, over all answers; range [0, 1].

    Demographic parity, whatever the truth is: groups that truly differ have a gap with a perfect model, too. Source:
    Agarwal et al., 2018, arXiv 1803.02453, definition 1, as a difference.
    """

    direction = "lower"

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Rows of each group, then those of each answer and group, [N, G + A G]."""
        member, said, _true = groups_of(rows, labels)
        self._groups = member.shape[1]
        given = (said[:, :, None] * member[:, None, :]).reshape(len(rows), said.shape[1] * member.shape[1])
        return np.hstack([member, given])

    def value(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """The gap, [...]."""
        rows, given = sums[..., : self._groups], sums[..., self._groups :]
        if not self._groups or not given.shape[-1]:
            return np.full(sums.shape[:-1], np.nan)
        answers = given.reshape(*given.shape[:-1], -1, self._groups)
        return spread(answers, rows[..., None, :]).max(axis=-1)
