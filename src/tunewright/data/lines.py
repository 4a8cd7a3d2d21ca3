"""Lines of a file with a bound on each, and the row that a bad one becomes."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from tunewright.core.ports import RawRow

BOM = codecs.BOM_UTF8
MAX_LINE_BYTES = 16 * 2**20
"""Longer lines are not text that a model is trained on; without a bound one broken line takes all memory."""
MAX_RAW_CHARACTERS = 2000
BLOCK_BYTES = 1 << 20


def read_lines(file: BinaryIO) -> Iterator[tuple[int, bytes, bool]]:
    """(number from 1, line, whole?) of each line; a line past the bound comes cut, and its rest is skipped."""
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        whole = len(line) <= MAX_LINE_BYTES or line.endswith(b"\n")
        if not whole:
            skip_line(file)
        yield number, line, whole


def skip_line(file: BinaryIO) -> None:
    """Read on to the end of the line."""
    while block := file.readline(BLOCK_BYTES):
        if block.endswith(b"\n"):
            return


def bad_row(number: int, reason: str, *, raw: bytes | str, detail: str = "") -> RawRow:
    """A row that cannot be read; `problem` is "reason: detail", and `raw` is cut to 2,000 characters."""
    if isinstance(raw, bytes):
        raw = raw[: 4 * MAX_RAW_CHARACTERS].decode("utf-8", errors="backslashreplace")
    problem = f"{reason}: {detail}" if detail else reason
    return RawRow(number, None, problem, raw[:MAX_RAW_CHARACTERS].rstrip("\r\n"))
