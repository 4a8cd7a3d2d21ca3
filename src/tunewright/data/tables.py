"""Tables as text (RFC 4180): a header, then records, UTF-8, streamed; a bad record is a row with its problem."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tunewright.core.ports import RawRow
from tunewright.data.lines import BOM, MAX_LINE_BYTES, MAX_RAW_CHARACTERS, bad_row, read_lines

BARE_CR = re.compile("\\r[^\\r\\n]")


def read_table(path: Path, *, delimiter: str) -> Iterator[RawRow]:
    """Records of a table as rows, under the names of its header."""
    csv.field_size_limit(MAX_LINE_BYTES)  # the module's one global: its default refuses texts above 128 KiB
    with path.open("rb") as file:
        lines = Lines(file)
        records = read_records(lines, delimiter=delimiter)
        header = next(records, None)
        if header is None:
            return
        names, problem = check_header(header)
        if header.problem and BARE_CR.search(header.raw):
            detail = "line ends are bare CR; save the file with LF"
            yield bad_row(header.line, "bare_cr", raw=header.raw, detail=detail)
        for record in records:
            if problem:
                yield bad_row(record.line, "bad_header", raw=record.raw, detail=problem)
            else:
                yield to_row(record, names)


class Lines:
    """Decoded lines for the csv module, which remembers what the present record was read from."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines = read_lines(file)
        self.begin = 0
        self.raw = ""
        self.too_long = False

    def start_record(self) -> None:
        """Forget the last record."""
        self.begin, self.raw, self.too_long = 0, "", False

    def __iter__(self) -> Iterator[str]:
        """Lines with bytes that are not UTF-8 as surrogates, so that the record they stand in can be named."""
        for number, line, whole in self._lines:
            text = (line.removeprefix(BOM) if number == 1 else line).decode("utf-8", errors="surrogateescape")
            self.begin = self.begin or number
            self.too_long = self.too_long or not whole
            if len(self.raw) < MAX_RAW_CHARACTERS:
                self.raw += text[:MAX_RAW_CHARACTERS]
            yield text if whole else ""


class Record:
    """One record: its fields, the line it begins on, and what is wrong with it as "reason: detail"."""

    __slots__ = ("fields", "line", "problem", "raw")

    def __init__(self, fields: list[str], lines: Lines, problem: str) -> None:
        self.fields = fields
        self.line = lines.begin
        self.raw = lines.raw
        self.problem = "line_too_long" if lines.too_long else problem


def read_records(lines: Lines, *, delimiter: str) -> Iterator[Record]:
    """Records of a file; empty lines are none."""
    reader = csv.reader(iter(lines), strict=True, delimiter=delimiter)
    while True:
        lines.start_record()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Record([], lines, f"broken_csv: {error}")
            continue
        if fields or lines.too_long:
            yield Record(fields, lines, "")


def check_header(header: Record) -> tuple[list[str], str]:
    """Column names, and what is wrong with them."""
    names = [name.strip() for name in header.fields]
    if header.problem:
        return names, header.problem
    if "" in names:
        return names, "a column has no name"
    if len(set(names)) != len(names):
        return names, "two columns have one name"
    return names, text_problem("".join(names))


def to_row(record: Record, names: list[str]) -> RawRow:
    """A record as a row."""
    problem = record.problem or text_problem(record.raw)
    if not problem and len(record.fields) != len(names):
        problem = f"wrong_field_count: {len(record.fields)} fields, the header has {len(names)}"
    problem = problem or text_problem("".join(record.fields))
    if problem:
        reason, _, detail = problem.partition(": ")
        return bad_row(record.line, reason, raw=record.raw, detail=detail)
    return RawRow(record.line, dict(zip(names, record.fields, strict=True)), raw=record.raw)


def text_problem(text: str) -> str:
    """The problem of bytes that are no text, or empty."""
    if "\0" in text:
        return "nul_byte: the record holds a NUL byte; is the file UTF-16?"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "wrong_encoding: the record is not UTF-8"
    return ""
