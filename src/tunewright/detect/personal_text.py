"""A text as detectors of personal data read it: plain digits, signs and blanks, and nothing invisible."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from typing import NamedTuple

INVISIBLE = (
    "\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\u2064\ufeff"
)
"""Characters without width: an address with one in it looks whole to people, and broken to a pattern."""
_UNSEEN = re.compile(f"[{INVISIBLE}]")
_ESCAPED = re.compile(r"\\[nrt]")
"""As JSON writes line ends inside a text: the letter is no part of the word behind it."""
_SIGNS = {
    **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212\ufe58\ufe63\uff0d", "-"),
    **dict.fromkeys(
        "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000", " "
    ),
    **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    **dict.fromkeys("\u2028\u2029\u0085", "\n"),
    "\u0130": "I",
    "\uff20": "@",
    "\ufe6b": "@",
}


class Plain(NamedTuple):
    """`text`: what is searched; `places`: where each of its characters stood, None where none was taken out."""

    text: str
    places: list[int] | None

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Characters [start, end) of the text as it was given; what was invisible between them is among them."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


def plain(text: str) -> Plain:
    """The text with one digit, dash, blank and quote for all of a kind, and without what has no width."""
    if "\\" in text:
        text = _ESCAPED.sub("  ", text)
    if text.isascii():
        return Plain(text, None)
    places = None
    if _UNSEEN.search(text):
        places = [place for place, letter in enumerate(text) if letter not in INVISIBLE]
        text = _UNSEEN.sub("", text)
    return Plain(text.translate(_table()), places)


@cache
def _table() -> dict[int, str]:
    table = {ord(sign): simple for sign, simple in _SIGNS.items()}
    for code in range(0x80, sys.maxunicode + 1):
        letter = chr(code)
        if letter.isdecimal():
            table[code] = str(unicodedata.decimal(letter))
    for code in range(0xFF01, 0xFF5F):  # full width
        table.setdefault(code, chr(code - 0xFEE0))
    return table
