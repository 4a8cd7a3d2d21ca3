"""Checks of instruction rules about words, letters, sentences and their number. Each takes an answer and its keys."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunewright.evaluate.scoring.words import count_words

SENTENCE_END = re.compile(
    r"(?<![.!?…])[.!?…]++[\"'”’)\]*_]*+(?=\s|$)|[。！？]+|\n\s*\n|\n(?=[ \t]*(?:[-*•]|\d{1,3}[.)])\s)"
)
SHORT = re.compile(
    r"\b(?:mr|mrs|ms|dr|prof|st|jr|sr|inc|ltd|co|corp|vs|etc|e\.g|i\.e|cf|approx|fig|vol|pp|[a-z])\.$", re.IGNORECASE
)
LIST_NUMBER = re.compile(r"\s*+\d{1,3}\.")
TOKEN = re.compile(r"[^\s,:;!?()\[\]{}<>\"“”*_`]+")


def has_keywords(answer: str, *, keywords: Sequence[str]) -> bool:
    """Every keyword stands in the answer, also inside a word; case does not count."""
    return all(_occurrences(answer, keyword) for keyword in keywords)


def keyword_frequency(answer: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """A keyword stands there less often than `frequency`, or at least as often."""
    return related(_occurrences(answer, keyword.strip()), relation, limit=frequency)


def has_none_of(answer: str, *, forbidden_words: Sequence[str]) -> bool:
    """None of the words stands there as a whole word; case does not count."""
    return not any(re.search(rf"\b{re.escape(word)}\b", answer, re.IGNORECASE) for word in forbidden_words)


def letter_frequency(answer: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """A letter or sign is there less often, or at least as often; case does not count."""
    return related(answer.lower().count(letter.strip().lower()), let_relation, limit=let_frequency)


def number_words(answer: str, *, num_words: int, relation: str) -> bool:
    """Fewer words, or at least as many."""
    return related(count_words(answer), relation, limit=num_words)


def number_sentences(answer: str, *, num_sentences: int, relation: str) -> bool:
    """Fewer sentences, or at least as many."""
    return related(count_sentences(answer), relation, limit=num_sentences)


def count_sentences(text: str) -> int:
    """Sentences of a text: parts with a letter or digit that end by a mark, an empty line or a new list item.

    A full stop after a common abbreviation, an initial or a list number ends none.
    """
    count, start = 0, 0
    for end in SENTENCE_END.finditer(text):
        new_line = start == 0 or text[start - 1] == "\n"
        numbered = new_line and LIST_NUMBER.fullmatch(text, start, end.end())
        if not numbered and not SHORT.search(text[max(start, end.end() - 12) : end.end()].strip()):
            count += _says_something(text[start : end.end()])
            start = end.end()
    return count + _says_something(text[start:])


def is_upper(answer: str) -> bool:
    """All letters are capital ones."""
    return answer.isupper()


def is_lower(answer: str) -> bool:
    """All letters are small ones."""
    return answer.islower()


def capital_words(answer: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """Fewer words in capital letters alone, or at least as many; a hyphenated word is one, and so is `I`."""
    found = sum(token.strip(".'’-").isupper() for token in TOKEN.findall(answer))
    return related(found, capital_relation, limit=capital_frequency)


def related(count: int, relation: str, *, limit: int) -> bool:
    """count < limit for "less than", count >= limit for "at least"."""
    return count < limit if relation == "less than" else count >= limit


def _occurrences(text: str, keyword: str) -> int:
    return sum(1 for _ in re.finditer(re.escape(keyword), text, re.IGNORECASE))


def _says_something(part: str) -> bool:
    return any(letter.isalnum() for letter in part)
