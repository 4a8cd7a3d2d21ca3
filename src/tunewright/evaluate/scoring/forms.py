"""Forms that an answer can be asked to have: a number, one line, a list. The whole answer has it, or it has not."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date

from tunewright.evaluate.scoring.json_text import NoJson, is_json, read_json

NUMBER = re.compile(r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?%?")
INTEGER = re.compile(r"[+-]?\d+")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
LIST_LINE = re.compile(r"\s*(?:[-*•]|\d{1,3}[.)])\s+\S.*")
YES_NO = frozenset({"yes", "no", "yes.", "no."})


def is_object(text: str) -> bool:
    """A JSON object."""
    try:
        return isinstance(read_json(text), dict)
    except NoJson:
        return False


def is_date(text: str) -> bool:
    """A day of the calendar as YYYY-MM-DD."""
    if not DATE.fullmatch(text) or not text.isascii():
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_list(text: str) -> bool:
    """At least one line, each beginning with a bullet or a number; empty lines between do not count."""
    lines = [line for line in text.splitlines() if line.strip()]
    return bool(lines) and all(LIST_LINE.fullmatch(line) for line in lines)


FORMS: Mapping[str, Callable[[str], bool]] = {
    "json": is_json,
    "json_object": is_object,
    "number": lambda text: NUMBER.fullmatch(text) is not None,
    "integer": lambda text: INTEGER.fullmatch(text) is not None,
    "date": is_date,
    "one_line": lambda text: bool(text) and len(text.splitlines()) == 1,
    "one_word": lambda text: len(text.split()) == 1,
    "yes_no": lambda text: text.lower() in YES_NO,
    "list": is_list,
}
"""What a stripped answer must be, by the name that a recipe gives."""
