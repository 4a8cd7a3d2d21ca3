"""JSON as its standard has it: what Python would accept beyond that is refused, so that no meaning is guessed."""

from __future__ import annotations

import json
from typing import Any


class NotAllowed(ValueError):
    """JSON that Python would accept and that we do not; the text is the problem."""


def decoder() -> json.JSONDecoder:
    """A decoder that refuses double keys, NaN and Infinity with NotAllowed."""
    return json.JSONDecoder(object_pairs_hook=unique, parse_constant=refuse_constant)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys stand once: which of two values counts is the user's to say."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _value in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise NotAllowed(f'duplicate_key: "{twice}" stands twice')
    return found


def refuse_constant(name: str) -> Any:
    """NaN and Infinity are Python's, not JSON's."""
    raise NotAllowed(f"not_a_number: {name} is not JSON")


def check_value(value: Any) -> None:
    """Raise NotAllowed for escapes that make text nobody can store: half of a UTF-16 pair, or NUL."""
    left = [value]
    while left:
        item = left.pop()
        if isinstance(item, dict):
            left.extend(item.keys())
            left.extend(item.values())
        elif isinstance(item, list):
            left.extend(item)
        elif isinstance(item, str):
            check_text(item)


def check_text(text: str) -> None:
    """Raise NotAllowed for lone surrogates and NUL."""
    if "\0" in text:
        raise NotAllowed("nul_byte: a text holds a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotAllowed("lone_surrogate: a text holds half of a UTF-16 pair") from error
