"""What changed between two texts, word by word, for people."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Literal, NamedTuple

PIECES = re.compile(r"\w+|\s+|[^\w\s]", re.UNICODE)
MOST_LETTERS = 4000


class Piece(NamedTuple):
    """Part of a text: the same in both, only before, or only after."""

    kind: Literal["same", "before", "after"]
    text: str


def marked(before: str, after: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces, each with the marks of what the other one lacks; long texts only up to a limit."""
    pieces = together(before, after)
    return [one for one in pieces if one.kind != "after"], [one for one in pieces if one.kind != "before"]


def together(before: str, after: str) -> list[Piece]:
    """Both texts as one: what they share, and where they differ first what stood before, then what stands after."""
    old, new = PIECES.findall(before[:MOST_LETTERS]), PIECES.findall(after[:MOST_LETTERS])
    found: list[Piece] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            found.append(Piece("same", "".join(old[a:b])))
            continue
        found += [Piece("before", "".join(old[a:b]))] if b > a else []
        found += [Piece("after", "".join(new[c:d]))] if d > c else []
    return found


def visible(text: str) -> str:
    """Text in which nothing hides: what has no shape of its own is shown as its code point."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else f"⟨U+{ord(letter):04X}⟩" for letter in text)
