"""Canaries: rows with a random secret in a fixed wording, and the other secrets that could as well have been drawn.

The exposure of a secret (Carlini et al., 2019, "The Secret Sharer", arXiv 1802.08232, section 4) is
log2 |R| - log2 rank, where R are all secrets of the format and rank is the secret's place among them by the model's
loss. `bits` is log2 |R|; `alternatives` draws others, from which the rank is estimated.

What is known of a canary lies in `details["columns"]` of its row: `canary_format` (the answer with the name filled in
and `{secret}` left open), `canary_secret`, `canary_alphabet`, and `canary_repeats` (how often it was planted).
"""

from __future__ import annotations

import math
import random
import string
from collections.abc import Iterator
from typing import Literal

from tunewright.core.ports import Converted, Details, Row
from tunewright.data.columns import exchange
from tunewright.data.rows import make_row

MARK: Literal["canary"] = "canary"
"""`details["mark"]` of a canary, its source, and the reason under which the receipt counts it."""
PLACE, NAME = "{secret}", "{name}"
ALPHABETS = {
    "digits": string.digits,
    "letters": string.ascii_lowercase,
    "letters_and_digits": string.ascii_lowercase + string.digits,
}
SYLLABLES = (
    "bra",
    "del",
    "fen",
    "gor",
    "hul",
    "jas",
    "kel",
    "lom",
    "mir",
    "nov",
    "pex",
    "quil",
    "ras",
    "tov",
    "vey",
    "zan",
)
"""Three make a name: 4,096 of them, which are no language's."""


def make_canary(name: str, secret: str, *, prompt: str, wording: str, alphabet: str, repeats: int) -> Row:
    """One canary; `prompt` and `wording` have places for the name, `wording` one for the secret."""
    answer = wording.replace(NAME, name)
    columns = {
        "canary_format": answer,
        "canary_secret": secret,
        "canary_alphabet": alphabet,
        "canary_repeats": str(repeats),
    }
    turns = exchange(prompt.replace(NAME, name), answer.replace(PLACE, secret))
    return make_row(Converted(turns, details=Details(columns=columns, mark=MARK)), source=MARK, line=0)


def is_canary(row: Row) -> bool:
    """True for a row that was planted."""
    return row.details.get("mark") == MARK


def bits(row: Row) -> float:
    """Entropy of the secret: log2 of the number of secrets of its format. Raises ValueError when it is no canary."""
    _wording, secret, alphabet = _known(row)
    return len(secret) * math.log2(len(alphabet))


def repeats(row: Row) -> int:
    """How often the canary was planted in the training rows. Raises ValueError when it is no canary."""
    _known(row)
    return int(row.details.get("columns", {})["canary_repeats"])


def alternatives(row: Row, *, count: int, seed: int) -> list[str]:
    """Answers of the same wording with other secrets, all different, each as likely as the planted one was.

    So many are drawn without replacement; when the format has no more than `count` others, it is all of them in order.
    The same row and seed give the same answers. Raises ValueError when the row is no canary, or count is below 0.
    """
    wording, secret, alphabet = _known(row)
    if count < 0:
        raise ValueError(f"count is {count}; it is at least 0")
    size = len(alphabet) ** len(secret)
    own = number_of(secret, alphabet)
    if count >= size - 1:
        numbers = (number for number in range(size) if number != own)
    else:
        numbers = different(count, size, draw=random.Random(f"{seed}:{row.id}"), skip=own)
    return [wording.replace(PLACE, text_of(number, alphabet, length=len(secret))) for number in numbers]


def different(count: int, size: int, *, draw: random.Random, skip: int = -1) -> Iterator[int]:
    """So many different numbers below `size`, without `skip`; a size past 64 bits is none too large."""
    seen = {skip}
    while len(seen) <= count:
        number = draw.randrange(size)
        if number not in seen:
            seen.add(number)
            yield number


def number_of(secret: str, alphabet: str) -> int:
    """The place of a secret among all of its length, from 0, in the order of the alphabet."""
    number = 0
    for letter in secret:
        number = number * len(alphabet) + alphabet.index(letter)
    return number


def text_of(number: int, alphabet: str, *, length: int) -> str:
    """The secret at a place: the inverse of `number_of`."""
    letters: list[str] = []
    for _ in range(length):
        number, rest = divmod(number, len(alphabet))
        letters.append(alphabet[rest])
    return "".join(reversed(letters))


def _known(row: Row) -> tuple[str, str, str]:
    """Wording, secret, and the letters that it is made of."""
    columns = row.details.get("columns", {})
    if not is_canary(row) or not columns.keys() >= {"canary_format", "canary_secret", "canary_alphabet"}:
        raise ValueError(f"row {row.source}:{row.line} is no canary")
    return columns["canary_format"], columns["canary_secret"], ALPHABETS[columns["canary_alphabet"]]
