"""Common English words in place of others, by a short list of our own (`synonyms_en.tsv`)."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("synonyms_en.tsv")
RATE = 0.5
"""Share of the words with synonyms that a copy has changed; at least one."""
WORD = re.compile(r"(?<![\w@/.{'-])[A-Za-z]+(?![\w@/}'-]|\.\w)")
VOWELS = "aeiou"
ARTICLE = re.compile(r"\b[Aa]n? $")


@cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """What may stand in the place of a word, in small letters."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t") for line in lines if line and not line.startswith("#"))
    return {word: tuple(others.split("|")) for word, others in pairs}


def reworded(text: str, draw: random.Random) -> str:
    """The text with some words replaced; the same where none has synonyms. Capitals and articles are kept right."""
    known = synonyms()
    places = [match for match in WORD.finditer(text) if match.group().lower() in known]
    chosen = [match for match in places if draw.random() < RATE] or places[:1]
    parts: list[str] = []
    end = 0
    for match in chosen:
        word = match.group()
        new = _as_written(draw.choice(known[word.lower()]), word)
        before = text[end : match.start()]
        parts += [ARTICLE.sub(lambda found, new=new: _article(found.group(), new), before), new]
        end = match.end()
    return "".join([*parts, text[end:]])


def _article(found: str, word: str) -> str:
    """`a ` or `an ` as the word behind it wants it."""
    return f"{found[0]}{'n' if word[0].lower() in VOWELS else ''} "


def _as_written(new: str, word: str) -> str:
    if word.isupper() and len(word) > 1:
        return new.upper()
    return new[0].upper() + new[1:] if word[0].isupper() else new
