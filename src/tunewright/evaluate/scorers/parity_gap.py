"""Parity gap: does a group get some answer more often than another group?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.by_group import by_answer, groups_of, largest, spread
from tunewright.evaluate.sums import Additive, Summed


class Work(Additive):
    """Largest difference between groups in the share of rows that get one answer, over all answers; range [0, 1].

    Demographic parity, whatever the truth is: groups that truly differ have a gap with a perfect model, too. Source:
    Agarwal et al., 2018, arXiv 1803.02453, definition 1, as a difference.
    """

    direction = "lower"

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """Rows of each group, then those of each answer and group, [N, G + A G]."""
        member, said, *_ = groups_of(rows, labels)
        return Summed(np.hstack([member, by_answer(said, member)]), partial(_gap, groups=member.shape[1]))


def _gap(sums: NDArray[np.float64], *, groups: int) -> NDArray[np.float64]:
    """The gap, [...]."""
    rows, given = sums[..., :groups], sums[..., groups:]
    answers = given.reshape(*given.shape[:-1], given.shape[-1] // max(groups, 1), groups)
    return largest(spread(answers, np.broadcast_to(rows[..., None, :], answers.shape)))
