"""JSON: an array of objects, or an object with one array of them, read object by object."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core.ports import RawRow
from tunewright.data.lines import BOM, MAX_LINE_BYTES, bad_row
from tunewright.data.strict import NotAllowed, check_value, decoder
from tunewright.recipe.options.sources.json import Options

BLOCK_CHARACTERS = 1 << 20
OPENING = re.compile(r'\s*(?:\{\s*"(?:[^"\\]|\\.)*"\s*:\s*)?\[')
"""Up to the array: at the top, or the value of an object's first key."""
SPACE = re.compile(r"\s*")


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """Objects in file order; `line` counts them from 1."""
        number = 0
        try:
            with path.open(encoding="utf-8") as file:
                for row in Objects(file).rows():
                    number = row.line
                    yield row
        except UnicodeDecodeError as error:
            yield bad_row(number + 1, "wrong_encoding", raw="", detail=f"not UTF-8 from here on: {error.reason}")


class Objects:
    """The elements of one array; memory holds one of them and a block of text."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._text: str = file.read(BLOCK_CHARACTERS).removeprefix(BOM.decode())
        self._at = 0
        self._decoder = decoder()

    def rows(self) -> Iterator[RawRow]:
        """Every element as a row; what is no JSON ends the file with one bad row."""
        if not self._text.strip():
            return
        opening = OPENING.match(self._text)
        if opening is None:
            detail = "neither an array of objects nor an object with one; JSON Lines files end in .jsonl"
            yield bad_row(1, "not_an_array", raw=self._text[:2000], detail=detail)
            return
        self._at = opening.end()
        number = 0
        while self._next() not in ("]", ""):
            number += 1
            row = self._element(number)
            yield row
            if row.problem.startswith(("broken_json", "nested_too_deep", "line_too_long")):
                return  # where the next element begins is anybody's guess
            if self._next() == ",":
                self._at += 1

    def _next(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            found = SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text) or not self._more():
                return self._text[self._at : self._at + 1]

    def _more(self) -> bool:
        """Read on; what is done with goes. False at the end of the file."""
        block = self._file.read(BLOCK_CHARACTERS)
        self._text, self._at = self._text[self._at :] + block, 0
        return bool(block)

    def _element(self, number: int) -> RawRow:
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except NotAllowed as error:
                return self._refused(number, str(error))
            except RecursionError:
                return bad_row(number, "nested_too_deep", raw=self._text[self._at : self._at + 2000])
            except ValueError as error:
                if len(self._text) - self._at > MAX_LINE_BYTES:
                    return bad_row(number, "line_too_long", raw=self._text[self._at : self._at + 2000])
                if not self._more():
                    return bad_row(number, "broken_json", raw=self._text[self._at : self._at + 2000], detail=str(error))
                continue
            if end == len(self._text) and self._more():
                continue  # a number may go on
            raw = self._text[self._at : min(end, self._at + 2000)]
            self._at = end
            return _row(number, value, raw)

    def _refused(self, number: int, problem: str) -> RawRow:
        """An element that JSON's rules allow and ours do not: pass over it."""
        start = self._at
        _value, self._at = json.JSONDecoder().raw_decode(self._text, self._at)
        reason, _, detail = problem.partition(": ")
        return bad_row(number, reason, raw=self._text[start : start + 2000], detail=detail)


def _row(number: int, value: Any, raw: str) -> RawRow:
    if not isinstance(value, dict):
        return bad_row(number, "not_an_object", raw=raw, detail=f"the element is a {type(value).__name__}")
    try:
        check_value(value)
    except NotAllowed as error:
        reason, _, detail = str(error).partition(": ")
        return bad_row(number, reason, raw=raw, detail=detail)
    return RawRow(number, value, raw=raw)
