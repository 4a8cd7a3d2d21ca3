"""Extracted: the share of training answers that would be written word for word."""

from __future__ import annotations

import math

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, RowMean


class Work(RowMean):
    """Share of rows of which every given token was the model's first choice; range [0, 1].

    Then greedy decoding from the given beginning writes exactly that. Source: Carlini et al., 2022, arXiv 2202.07646,
    definition 3.1.
    """

    direction = "lower"

    def one(self, row: AnsweredRow) -> float:
        """1 when every token was the arg-max; rows whose scores are no numbers are left out."""
        if not row.greedy or any(math.isnan(log) for log in row.log_probabilities):
            return UNMEASURED
        return float(all(row.greedy))
