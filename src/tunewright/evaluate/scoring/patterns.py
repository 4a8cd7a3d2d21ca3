"""Regular expressions that others wrote, in bounded time: a hostile pattern or text never hangs an evaluation.

The package `regex` stops a search at a deadline; the standard library's `re` cannot.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import regex

LONGEST_PATTERN = 2_000
SEARCH_S = 0.5


class Unjudged(Exception):
    """Nobody can say whether the text has what is asked: the pattern or schema is broken, or takes too long."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Any:
    """The pattern, ready to search. Raises Unjudged for one that is broken or longer than 2,000 characters."""
    if len(pattern) > LONGEST_PATTERN:
        raise Unjudged(f"a pattern of {len(pattern):,} characters (limit {LONGEST_PATTERN:,})")
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError) as error:
        raise Unjudged(f"no regular expression: {error}") from error


def found(pattern: str, text: str) -> bool:
    """True when the pattern matches anywhere in the text. Raises Unjudged, also when it takes more than 0.5 s."""
    return _in_time(compiled(pattern).search, text)


def matches(pattern: str, text: str) -> bool:
    """True when the pattern matches the whole text. Raises Unjudged, also when it takes more than 0.5 s."""
    return _in_time(compiled(pattern).fullmatch, text)


def _in_time(search: Any, text: str) -> bool:
    try:
        return search(text, timeout=SEARCH_S) is not None
    except TimeoutError as error:
        raise Unjudged(f"a pattern that takes more than {SEARCH_S} s") from error
