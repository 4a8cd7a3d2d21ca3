"""Rules followed: the share of answers that follow every instruction of their row."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.rules import followed
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers that follow all of `details["rules"]`; range [0, 1]. IFEval's strict accuracy over prompts.

    Rows without rules, and those with a rule that nobody can check, are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """1 when all are followed."""
        rules = row.row.details.get("rules", ())
        if not rules or not is_answered(row):
            return UNMEASURED
        kept = [followed(rule, row.answer) for rule in rules]
        return UNMEASURED if None in kept else float(all(kept))
