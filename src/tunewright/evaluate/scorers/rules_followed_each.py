"""Rules followed, each: the share of single instructions that answers follow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.rules import followed
from tunewright.evaluate.sums import SumMetric, is_answered


class Work(SumMetric):
    """Share of all rules of all rows that are followed; range [0, 1]. IFEval's strict accuracy over instructions.

    Rules that nobody can check are left out.
    """

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Rules followed and rules checked, [N, 2]."""
        return np.array([_kept_and_checked(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)


def _kept_and_checked(row: AnsweredRow) -> tuple[int, int]:
    rules = row.row.details.get("rules", ()) if is_answered(row) else ()
    kept = [done for rule in rules if (done := followed(rule, row.answer)) is not None]
    return sum(kept), len(kept)
