"""Records, line numbers and problems of CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.data.sources.csv import Work
from tunewright.recipe.options.sources.csv import Options


def read(path: Path, content: bytes) -> list:
    path.write_bytes(content)
    return list(Work(Options()).read(path))


def reasons(rows: list) -> list[str]:
    return [row.problem.partition(":")[0] for row in rows]


def test_line_numbers_are_where_a_record_begins(tmp_path: Path) -> None:
    rows = read(tmp_path / "f", b'\xef\xbb\xbfa,b\r\n1,2\r\n"x\r\ny",3\r\n\r\n4,5\r\n')
    assert [(row.line, row.value) for row in rows] == [
        (2, {"a": "1", "b": "2"}),
        (3, {"a": "x\r\ny", "b": "3"}),
        (6, {"a": "4", "b": "5"}),
    ]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"1", "wrong_field_count"),
        (b"1,2,3", "wrong_field_count"),
        (b"\xff,2", "wrong_encoding"),
        (b"1,\0", "nul_byte"),
        (b'"1"x,2', "broken_csv"),
    ],
)
def test_a_bad_record_has_its_reason_and_its_neighbours_live(tmp_path: Path, record: bytes, reason: str) -> None:
    rows = read(tmp_path / "f", b"a,b\n1,2\n" + record + b"\n3,4\n")
    assert reasons(rows) == ["", reason, ""]
    assert rows[1].line == 3 and rows[2].value == {"a": "3", "b": "4"}


def test_an_open_quote_at_the_end_is_a_problem(tmp_path: Path) -> None:
    assert reasons(read(tmp_path / "f", b'a,b\n1,2\n"3,4\n5,6\n')) == ["", "broken_csv"]


@pytest.mark.parametrize("header", [b"a,a", b"a,", b"a,\xff", b'"a"x,b'])
def test_a_bad_header_makes_every_record_bad(tmp_path: Path, header: bytes) -> None:
    assert reasons(read(tmp_path / "f", header + b"\n1,2\n3,4\n")) == ["bad_header", "bad_header"]


@pytest.mark.parametrize("content", [b"a,b\r1,2\r3,4", b"a,b\r1,2\r", b"a,b\r1,2\r\n", b"a,b\r" + b"1,2\r" * 9_000_000])
def test_bare_cr_line_ends_are_a_problem(tmp_path: Path, content: bytes) -> None:
    rows = read(tmp_path / "f", content)
    assert reasons(rows) == ["bare_cr"]
    assert rows[0].line == 1


def test_a_cr_in_quotes_is_text(tmp_path: Path) -> None:
    assert [row.value for row in read(tmp_path / "f", b'"a\rx",b\n1,2\n')] == [{"a\rx": "1", "b": "2"}]


def test_empty_files_have_no_rows(tmp_path: Path) -> None:
    assert read(tmp_path / "f", b"") == []
    assert read(tmp_path / "f", b"a,b\n\n") == []


def test_long_fields_pass(tmp_path: Path) -> None:
    rows = read(tmp_path / "f", b"a\n" + b"x" * 300_000 + b"\n")
    assert len(rows[0].value["a"]) == 300_000


FIELD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(FIELD, FIELD), max_size=8))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, records: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *records])
    rows = read(tmp_path_factory.getbasetemp() / "f.csv", out.getvalue().encode())
    assert [(row.value["a"], row.value["b"]) for row in rows] == records
