"""Odds gap: do both kinds of error fall on groups alike?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.by_group import by_answer, groups_of, largest, spread
from tunewright.evaluate.sums import Additive, Summed


class Work(Additive):
    """Largest difference between groups in how often an answer is given where it is right, or wrong; range [0, 1].

    Equalised odds over every answer against the rest. A group in which an answer is never right, or never wrong, has no
    share there and is left out of that difference. Source: Hardt, Price and Srebro, 2016, arXiv 1610.02413, as a
    difference.
    """

    direction = "lower"

    def summed(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Summed:
        """Of each answer and group: given and right, right, given and wrong, wrong rows, [N, 4 A G]."""
        member, said, true, _right, known = groups_of(rows, labels)
        counts = [said * true, true, said * (1 - true), 1 - true]
        sums = np.hstack([by_answer(count, member * known) for count in counts])
        return Summed(sums, partial(_gap, groups=member.shape[1]))


def _gap(sums: NDArray[np.float64], *, groups: int) -> NDArray[np.float64]:
    """The gap, [...]."""
    parts = sums.reshape(*sums.shape[:-1], 4, sums.shape[-1] // max(4 * groups, 1), groups)
    gaps = [spread(parts[..., 2 * kind, :, :], parts[..., 2 * kind + 1, :, :]) for kind in (0, 1)]
    return largest(np.concatenate(gaps, axis=-1))
