"""ROUGE-N and ROUGE-L between an answer and its references, as F-measures in [0, 1].

Lin 2004, https://aclanthology.org/W04-1013; words and numbers are those of the package rouge-score with its defaults:
runs of a to z and 0 to 9 in lower case, unstemmed. Text in other alphabets has no words here, and scores 0.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import UNMEASURED, RowMean, is_answered, right_answers

WORD = re.compile("[a-z0-9]+")
Measure = Callable[[Sequence[str], Sequence[str]], float]


def words_of(text: str) -> list[str]:
    """The words that ROUGE compares."""
    return WORD.findall(text.lower())


def best(measure: Measure, answer: str, *, references: Sequence[str]) -> float:
    """The highest value of a measure over the references. `references` has at least one text."""
    own = words_of(answer)
    return max(measure(own, words_of(reference)) for reference in references)


class RougeMean(RowMean):
    """Mean over rows of the best F-measure over target and references; equal to rouge-score, unstemmed; [0, 1].

    Rows without an answer or without a right one are left out.
    """

    def measure(self, answer: Sequence[str], reference: Sequence[str]) -> float:
        """The F-measure of an answer's words against a reference's."""
        raise NotImplementedError

    def one(self, row: AnsweredRow) -> float:
        """The best of one answer."""
        right = right_answers(row)
        if not right or not is_answered(row):
            return UNMEASURED
        return best(self.measure, row.answer, references=right)


def rouge_n(answer: Sequence[str], reference: Sequence[str], *, n: int) -> float:
    """F-measure of common n-grams, each counted as often as both texts have it."""
    own, other = _ngrams(answer, n), _ngrams(reference, n)
    return f_measure((own & other).total(), answer=own.total(), reference=other.total())


def rouge_l(answer: Sequence[str], reference: Sequence[str]) -> float:
    """F-measure of the longest common subsequence of words."""
    return f_measure(longest_common(answer, reference), answer=len(answer), reference=len(reference))


def f_measure(common: int, *, answer: int, reference: int) -> float:
    """Harmonic mean of common / answer and common / reference; 0 where nothing is common."""
    return 2 * common / (answer + reference) if common else 0.0


def longest_common(left: Sequence[str], right: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Bit-parallel (Hyyrö 2004): a row of the table is one whole number, so that a word costs len(left) / 64 operations
    of the machine, and a megabyte of text takes seconds.
    """
    places: dict[str, int] = {}
    for place, word in enumerate(left):
        places[word] = places.get(word, 0) | 1 << place
    every = (1 << len(left)) - 1
    open_ = every
    for word in right:
        if hits := open_ & places.get(word, 0):
            open_ = ((open_ + hits) | (open_ - hits)) & every
    return len(left) - open_.bit_count()


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[start : start + n]) for start in range(len(words) - n + 1))
