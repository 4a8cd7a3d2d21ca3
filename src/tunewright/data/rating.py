"""What an answer is worth, as files say it: a number, true or false, a thumb up or down."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tunewright.core.ports import Details, RowProblem
from tunewright.data.columns import RATINGS, missing, named

GOOD = ("true", "yes", "good", "up", "thumbs up", "thumbs_up", "like", "liked", "desirable", "👍")
BAD = ("false", "no", "bad", "down", "thumbs down", "thumbs_down", "dislike", "disliked", "undesirable", "👎")
WORDS = {**dict.fromkeys(GOOD, True), **dict.fromkeys(BAD, False)}
TAGS = ("label", "desirable", "kto_tag")
"""Columns that say yes or no: in them 1 and 0 do, too."""
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_NONE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


class Rating(NamedTuple):
    """A rating as a number, and whether it counts as good; None where nobody said."""

    value: float
    good: bool | None

    def details(self) -> Details:
        """What is kept with a row."""
        return Details(rating=self.value) if self.good is None else Details(rating=self.value, desirable=self.good)


@dataclass(frozen=True)
class Scale:
    """From where to where ratings go, and from which on an answer is good; each may be unknown."""

    least: float | None = None
    most: float | None = None
    good: float | None = None

    def read(self, value: Mapping[str, Any], column: str) -> Rating:
        """The rating in a column. Raises RowProblem: there is none, it is no rating, or it is outside the scale."""
        given = value.get(column)
        if given is None or (isinstance(given, str) and not given.strip()):
            raise RowProblem("missing_rating", missing(value, column) if given is None else f'"{column}" is empty')
        said = self._said(given, column)
        number = float(said) if isinstance(said, bool) else to_number(said, column)
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            raise RowProblem("rating_out_of_range", f'"{column}" is {number:g}; the scale is {self}')
        return Rating(number, said if isinstance(said, bool) else self._is_good(number))

    def _said(self, given: Any, column: str) -> Any:
        """True or false where that is what stands there, else what stands there."""
        if isinstance(given, str):
            given = WORDS.get(given.strip().casefold(), given)
        told = self.least is not None or self.most is not None or self.good is not None
        if not told and column in TAGS and _says_yes_or_no(given):
            return bool(int(given))
        return given

    def _is_good(self, number: float) -> bool | None:
        if self.good is not None:
            return number >= self.good
        if self.least is None or self.most is None:
            return None
        return number > self.least / 2 + self.most / 2

    def __str__(self) -> str:
        """For people: 1 to 5."""
        least, most = ("…" if end is None else f"{end:g}" for end in (self.least, self.most))
        return f"{least} to {most}"


def to_number(given: Any, column: str) -> float:
    """A finite number, also as text. Raises RowProblem."""
    if isinstance(given, str):
        text = given.strip()
        if not _NUMBER.fullmatch(text) and not _NONE.fullmatch(text):
            raise RowProblem("wrong_rating", f'"{column}" is {text[:40]!r}, which is no rating')
        given = float(text)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise RowProblem("wrong_rating", f'"{column}" is a {type(given).__name__}')
    try:
        number = float(given)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise RowProblem("rating_not_finite", f'"{column}" is {number}')
    return number


def is_rated(example: Mapping[str, Any]) -> bool:
    """Has a row a rating in a column of a known name? A `label` must say yes or no: a class is none."""
    column = named(example, RATINGS[0], known=RATINGS)
    given = example.get(column)
    if column in TAGS:
        return _says_yes_or_no(given)
    if isinstance(given, str):
        return given.strip().casefold() in WORDS or bool(_NUMBER.fullmatch(given.strip()))
    return isinstance(given, bool | int | float)


def is_tagged(example: Mapping[str, Any]) -> bool:
    """Does a conversation say yes or no about itself? A `label` of other kinds is a class, as one in words may be."""
    named_so = any(_says_yes_or_no(example[tag]) for tag in TAGS[1:] if tag in example)
    return named_so or isinstance(example.get(TAGS[0]), bool)


def _says_yes_or_no(given: Any) -> bool:
    if isinstance(given, str):
        return given.strip().casefold() in WORDS or given.strip() in ("0", "1")
    return isinstance(given, bool | int) and given in (0, 1)
