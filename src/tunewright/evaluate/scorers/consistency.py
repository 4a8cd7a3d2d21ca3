"""Consistency: the share of changed prompts that get the same answer as the prompt as it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, RowMean, has_spoken


class Work(RowMean):
    """Share of changed rows whose label, or whose answer where it is no label, equals that of the original; [0, 1].

    The same wrong answer is consistent, too: read it beside the accuracy. A row is changed when `details["original"]`
    names another row and `details["variant"]` the change; originals have no value.
    """

    def per_row(self, rows: Sequence[AnsweredRow]) -> NDArray[np.float64]:
        """1 where equal; NaN for originals, for rows whose original is not there, and where either has no answer."""
        first: dict[str, AnsweredRow] = {}
        values: list[float] = []
        for row in rows:
            name = row.row.details.get("original", "")
            values.append(_same(first[name], row) if name in first else UNMEASURED)
            if name:
                first.setdefault(name, row)
        return np.array(values, dtype=np.float64)


def _same(original: AnsweredRow, changed: AnsweredRow) -> float:
    if not (has_spoken(original) and has_spoken(changed)):
        return UNMEASURED
    return float(_said(original) == _said(changed))


def _said(row: AnsweredRow) -> str:
    return row.answer.strip() if row.predicted is None else row.predicted
