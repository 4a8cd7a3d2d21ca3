"""ROUGE-1: F-measure of words."""

from __future__ import annotations

from functools import partial

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.rouge import best, rouge_n
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered, right_answers


class Work(RowMean):
    """Mean over rows of the best F-measure over target and references; equal to rouge-score, unstemmed; [0, 1].

    Rows without an answer or without a right one are left out.
    """

    def one(self, row: AnsweredRow) -> float:
        """ROUGE-1 of one answer."""
        right = right_answers(row)
        if not right or not is_answered(row):
            return UNMEASURED
        return best(partial(rouge_n, n=1), row.answer, references=right)
