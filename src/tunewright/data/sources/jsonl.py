"""JSON Lines: one object a line, UTF-8, streamed; a bad line is a row with its problem, never an exception."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tunewright.core.ports import RawRow
from tunewright.data.lines import BOM, MAX_LINE_BYTES, bad_row, read_lines
from tunewright.data.strict import NotAllowed, check_value, refuse_constant, unique
from tunewright.recipe.options.sources.jsonl import Options


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
            check_value(value)
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
