"""JSON Lines: one object a line, UTF-8, streamed; a bad line is a row with its problem, never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core.ports import RawRow
from tunewright.data.lines import BOM, MAX_LINE_BYTES, bad_row, read_lines
from tunewright.recipe.options.sources.jsonl import Options


class NotAllowed(ValueError):
    """JSON that Python would accept and that we do not; the text is the problem."""


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """Rows in file order; empty lines are no rows."""
        with path.open("rb") as file:
            for number, line, whole in read_lines(file):
                if number == 1:
                    line = line.removeprefix(BOM)
                if not line.strip():
                    continue
                if whole:
                    yield parse(number, line)
                else:
                    yield bad_row(number, "line_too_long", raw=line, detail=f"more than {MAX_LINE_BYTES:,} bytes")


def parse(number: int, line: bytes) -> RawRow:
    """One line as a row."""
    if b"\0" in line:
        return bad_row(number, "nul_byte", raw=line, detail="the line holds a NUL byte; is the file UTF-16?")
    try:
        text = line.decode("utf-8")
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse_constant)
        if b"\\u" in line:
            check_escapes(value)
    except UnicodeDecodeError as error:
        return bad_row(number, "wrong_encoding", raw=line, detail=f"not UTF-8 at byte {error.start + 1} of the line")
    except RecursionError:
        return bad_row(number, "nested_too_deep", raw=line)
    except NotAllowed as error:
        reason, _, detail = str(error).partition(": ")
        return bad_row(number, reason, raw=line, detail=detail)
    except ValueError as error:
        return bad_row(number, "broken_json", raw=line, detail=str(error))
    if not isinstance(value, dict):
        return bad_row(number, "not_an_object", raw=line, detail=f"the line holds a {type(value).__name__}")
    return RawRow(number, value, raw=text)


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


def check_escapes(value: Any) -> None:
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
