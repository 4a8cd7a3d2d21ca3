"""ROUGE-L: F-measure of the longest common subsequence of words."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.rouge import best, rouge_l
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered, right_answers


class Work(RowMean):
    """Mean over rows of the best F-measure over target and references; equal to rouge-score, unstemmed; [0, 1].

    Rows without an answer or without a right one are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """ROUGE-L of one answer."""
        right = right_answers(row)
        if not right or not is_answered(row):
            return UNMEASURED
        return best(rouge_l, row.answer, references=right)
