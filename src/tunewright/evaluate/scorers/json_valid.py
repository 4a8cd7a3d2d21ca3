"""JSON validity: the share of answers that are JSON."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.json_text import is_json
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers that a strict reader takes as JSON (RFC 8259: no NaN, nothing around); range [0, 1]."""

    def one(self, row: AnsweredRow) -> float:
        """1 for JSON of any type."""
        return float(is_json(row.answer, self.options.around)) if is_answered(row) else UNMEASURED
