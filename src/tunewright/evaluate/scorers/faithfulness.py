"""Faithfulness: how far the source that was given supports the answer."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.topic import support
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Mean over answers of the least of three shares: content words, numbers, and names that are in the source; [0, 1].

    It sees numbers and names that were made up. It cannot see words of the source put together wrongly ("not"), and
    blames a right conclusion in other words. Rows without `details["context"]` are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """The support of one answer."""
        context = row.row.details.get("context", "")
        if not context.strip() or not is_answered(row):
            return UNMEASURED
        question = "\n".join(turn.get("content", "") for turn in row.row.prompt if turn.get("role") == "user")
        found = support(row.answer, context=context, question=question)
        return UNMEASURED if found is None else found
