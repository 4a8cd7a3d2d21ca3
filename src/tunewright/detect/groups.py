"""Mentions of groups of people by attribute, professions, and words that speak well or ill; English, by word lists.

`groups_en.tsv`, `professions_en.txt` and `sentiment_en.tsv` beside this file are the lists. It sees words, not who is
meant: a person of whom only a name is said is in no group, and "French" in "she speaks French" is a mention.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tunewright.detect.letters import small_letters
from tunewright.detect.spans import Span

ATTRIBUTES = ("gender", "religion", "ethnicity", "age", "disability", "nationality")
HERE = Path(__file__).parent
WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
SENTENCE = re.compile(r"[^.!?\n]+[.!?]*")
NEGATIONS = frozenset({"not", "no", "never", "hardly", "without", "cannot"})
REACH = 3
"""A negation turns what stands so many words behind it, at most."""


class Sentence(NamedTuple):
    """What was found in one sentence: groups as `attribute:group` with counts, professions, and a mood.

    `mood`: words that speak well minus those that speak ill, by their number, in [-1, 1]; None without any.
    """

    groups: dict[str, int]
    professions: frozenset[str]
    mood: float | None


def mentions(text: str) -> list[Span]:
    """Words that name a group, in order; their kind is `attribute:group`."""
    words = [(match.start(), match.end(), match.group()) for match in WORD.finditer(small_letters(text))]
    return list(_mentions(words))


def _mentions(words: Sequence[tuple[int, int, str]]) -> Iterator[Span]:
    """The longest term of each attribute; one word may be of several, as in "black woman"."""
    terms = _terms()
    free: dict[str, int] = dict.fromkeys(ATTRIBUTES, 0)
    for at, (start, _end, first) in enumerate(words):
        for parts, kind in terms.get(first, ()):
            attribute = kind.partition(":")[0]
            if free[attribute] <= at and tuple(word for _start, _end, word in words[at : at + len(parts)]) == parts:
                yield Span(start, words[at + len(parts) - 1][1], kind, 1.0)
                free[attribute] = at + len(parts)


def sentences(text: str) -> Iterator[Sentence]:
    """What stands in each sentence that says something of groups, professions or moods; others are empty."""
    for match in SENTENCE.finditer(small_letters(text)):
        words = [(found.start(), found.end(), found.group()) for found in WORD.finditer(match.group())]
        groups: dict[str, int] = {}
        for span in _mentions(words):
            groups[span.kind] = groups.get(span.kind, 0) + 1
        plain = [word for _start, _end, word in words]
        yield Sentence(groups, frozenset(filter(None, map(_professions().get, plain))), mood(plain))


def mood(words: Sequence[str]) -> float | None:
    """Words that speak well minus those that speak ill, by their number; None without any. Negations turn them."""
    known, found = _sentiment(), list[int]()
    for at, word in enumerate(words):
        if word in known:
            turned = any(before in NEGATIONS or before.endswith("n't") for before in words[max(0, at - REACH) : at])
            found.append(-known[word] if turned else known[word])
    return sum(found) / len(found) if found else None


def _lines(name: str) -> Iterator[list[str]]:
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line.split("\t")


@cache
def _terms() -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """By first word: the words of a term and what it names, the longest first."""
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for attribute, group, term in _lines("groups_en.tsv"):
        parts = tuple(term.split())
        found.setdefault(parts[0], []).append((parts, f"{attribute}:{group}"))
    return {word: sorted(terms, key=lambda term: -len(term[0])) for word, terms in found.items()}


@cache
def _professions() -> dict[str, str]:
    """Singular by singular and plural."""
    names = [name for (name,) in _lines("professions_en.txt")]
    plurals = {f"{name[:-1]}ies" if name.endswith("y") else f"{name}s": name for name in names}
    return {**plurals, **{name: name for name in names}}


@cache
def _sentiment() -> dict[str, int]:
    return {word: int(sign) for sign, word in _lines("sentiment_en.tsv")}
