"""Reads through simple disguises of words: look-alike signs, stretched letters, spaced letters, masked letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LEET = str.maketrans(
    {"0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "i", "€": "e"}
)
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
TOKEN = re.compile(r"[^\s.,;:?\"“”()\[\]{}<>/\\…—–-]+")
SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[ .*_-]{1,2}[^\W_]){2,20}(?![^\W_])")
MASKED = re.compile(r"(?<!\w)[a-z]{1,4}(?:[*#@$%&_]{1,5}|[–—-]{1,5})[a-z]{0,6}(?!\w)", re.IGNORECASE)
STRETCHED = re.compile(r"(.)\1+")
TRIMMED = "'‘’`*#_!&^~|"
LONGEST = 40


class Token(NamedTuple):
    """A word as it may be meant: `forms` are its readings, the plainest first; `masked` has a dot a hidden letter."""

    start: int
    end: int
    forms: tuple[str, ...]
    masked: str = ""


def tokens(text: str) -> Iterator[Token]:
    """Words of a text with their places and readings; then words with masked letters, and with spaced ones."""
    for match in TOKEN.finditer(text):
        if len(match.group()) <= LONGEST:
            yield Token(match.start(), match.end(), readings(match.group()))
    for match in MASKED.finditer(text):
        if hidden := masked(match.group()):
            yield Token(match.start(), match.end(), (), hidden)
    for match in SPACED.finditer(text):
        yield Token(match.start(), match.end(), readings("".join(filter(str.isalnum, match.group()))))


@lru_cache(maxsize=1 << 16)
def readings(word: str) -> tuple[str, ...]:
    """A word in plain small letters; with look-alike signs read as letters; with stretched letters single."""
    small = plain_letters(word)
    plain = small.strip(TRIMMED).removesuffix("'s")
    if not any(letter.isalpha() for letter in small):
        return ()
    meant = small.strip(TRIMMED).translate(LEET)
    forms = [plain, meant, STRETCHED.sub(r"\1\1", meant), STRETCHED.sub(r"\1", meant)]
    return tuple(dict.fromkeys(form for form in forms if form.isalpha()))


def plain_letters(text: str) -> str:
    """Small letters without accents and without invisible signs; full-width and styled letters as plain ones."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", INVISIBLE.sub("", text))
    return "".join(letter for letter in text if not unicodedata.combining(letter)).lower().replace("’", "'")


def small_letters(text: str) -> str:
    """Small letters and straight apostrophes, each at the place that it had."""
    if text.isascii():
        return text.lower()
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text).replace("’", "'")


def masked(word: str) -> str:
    """`f**k` as `f..k`; empty where too little shows: a hyphen alone needs three letters."""
    shown = sum(letter.isalpha() for letter in word)
    hidden = len(word) - shown
    if word[-1].isalpha():
        enough = shown >= 3 or (shown == 2 and hidden >= 2) or (shown == 2 and "-" not in word and "–" not in word)
    else:
        enough = word[-1] == "*" and hidden >= (2 if shown > 1 else 3)
    return "".join(letter if letter.isalpha() else "." for letter in word.lower()) if enough else ""
