"""Noise as people make it when they type: typos, case, spaces, punctuation. Code and addresses stay as they are."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Protocol

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
WORD = re.compile(r"(?<![\w@/.\\-])[^\W\d_]{3,}(?![\w@/-]|\.\w)")
"""Words of three letters or more; no parts of names of files."""
GAP = re.compile(r"(?<=\w) (?=\w)")
MARK = re.compile(r"(?<=\w)[,;.!?']+(?=\s|$)|(?<=\w)'(?=\w)")
KEPT = re.compile(r"(```.*?(?:```|\Z)|`[^`\n]+`|\{[^{}\n]*\}|<[^<>\n]+>|\S+://\S+|\S+@\S+)", re.DOTALL)
"""Code, places such as {name}, tags, addresses."""
Slip = Callable[[str, random.Random], str]


class Change(Protocol):
    """A kind of noise: the text with it, about `rate` of its words."""

    def __call__(self, text: str, draw: random.Random, *, rate: float) -> str:
        """The changed text."""
        ...


def neighbours() -> dict[str, str]:
    """Letters beside each letter of an English keyboard: left, right, and those above and below."""
    places = {letter: (row, column) for row, keys in enumerate(KEYS) for column, letter in enumerate(keys)}
    return {
        letter: "".join(
            other
            for other, (row, column) in places.items()
            if other != letter and abs(row - places[letter][0]) <= 1 and abs(column - places[letter][1]) <= 1
        )
        for letter in places
    }


NEAR = neighbours()


def typos(text: str, draw: random.Random, *, rate: float) -> str:
    """Some words with a slip: a neighbouring key, two letters swapped, one left out or typed twice."""
    return _each(text, WORD, _slip, draw=draw, rate=rate)


def case(text: str, draw: random.Random, *, rate: float) -> str:
    """All in small letters, all in capitals, or some words so."""
    whole = draw.choice((str.lower, str.upper, None))
    changed = whole(text) if whole is not None else text
    return changed if changed != text else _each(text, WORD, _recased, draw=draw, rate=rate)


def spacing(text: str, draw: random.Random, *, rate: float) -> str:
    """Some blanks are doubled or missing, or the text begins or ends with one."""
    changed = _each(text, GAP, lambda _blank, drawn: drawn.choice(("", "  ", "  ")), draw=draw, rate=rate)
    return changed if changed != text else draw.choice((f" {text}", f"{text} ", f"{text}\n"))


def punctuation(text: str, draw: random.Random, *, rate: float) -> str:
    """Marks are missing, or stand twice; a text without any gets one at its end."""
    marks = [match.group() for match in MARK.finditer(text)]
    if not marks:
        return text + draw.choice((".", "?", "!", "..."))
    if draw.random() < 0.5:
        return MARK.sub("", text)
    return _each(text, MARK, _remarked, draw=draw, rate=max(rate, 0.3))


NOISE: dict[str, Change] = {"typos": typos, "case": case, "spacing": spacing, "punctuation": punctuation}


def noisy(text: str, change: Change, *, draw: random.Random, rate: float) -> str:
    """A text with a kind of noise outside of code and addresses."""
    return outside(text, lambda part: change(part, draw, rate=rate))


def outside(text: str, change: Callable[[str], str]) -> str:
    """A text with a change in all but code, places and addresses."""
    parts = KEPT.split(text)
    for at in range(0, len(parts), 2):  # what is kept has odd places
        parts[at] = change(parts[at]) if parts[at].strip() else parts[at]
    return "".join(parts)


def _each(text: str, pattern: re.Pattern[str], change: Slip, *, draw: random.Random, rate: float) -> str:
    """The text with a change at some places of a pattern, at least one where there is any."""
    places = list(pattern.finditer(text))
    chosen = {at for at in range(len(places)) if draw.random() < rate}
    if places and not chosen:
        chosen = {draw.randrange(len(places))}
    parts, end = [], 0
    for at in sorted(chosen):
        match = places[at]
        parts += [text[end : match.start()], change(match.group(), draw)]
        end = match.end()
    return "".join([*parts, text[end:]])


def _slip(word: str, draw: random.Random) -> str:
    at = draw.randrange(1, len(word))  # the first letter is seldom wrong
    kind = draw.randrange(4)
    if kind == 0 and word[at].lower() in NEAR:
        key = draw.choice(NEAR[word[at].lower()])
        return word[:at] + (key.upper() if word[at].isupper() else key) + word[at + 1 :]
    if kind == 1 and word[at] != word[at - 1]:
        return word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :]
    if kind == 2:
        return word[:at] + word[at + 1 :]
    return word[:at] + word[at - 1] + word[at:]


def _remarked(mark: str, draw: random.Random) -> str:
    return draw.choice(("", mark * 2, mark + "!"))


def _recased(word: str, draw: random.Random) -> str:
    changed = draw.choice((str.lower, str.upper, str.capitalize, str.swapcase))(word)
    return changed if changed != word else word.swapcase()
