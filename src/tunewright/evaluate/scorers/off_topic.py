"""Off topic: the share of answers that share no content word with what was asked."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.topic import is_off_topic
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered


class Work(RowMean):
    """Share of answers without one content word of the question, the source or a right answer; range [0, 1].

    It sees answers to another question, of another language, and noise. It cannot see an answer that repeats words of
    the question and then goes astray, and blames one that puts everything in other words. Short answers are left out.
    """

    direction = "lower"

    def one(self, row: AnsweredRow) -> float:
        """1 when off topic."""
        found = is_off_topic(row, self.options.least_words) if is_answered(row) else None
        return UNMEASURED if found is None else float(found)
