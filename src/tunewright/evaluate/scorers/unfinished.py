"""Unfinished: the share of answers that the model did not end by itself."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, WRITTEN, RowMean


class Work(RowMean):
    """Share of answers cut at the token limit; range [0, 1]. A broken stop token shows here. Errors are left out."""

    direction = "lower"

    def one(self, row: AnsweredRow) -> float:
        """1 when cut."""
        return float(row.finish == "length") if row.finish in WRITTEN else UNMEASURED
