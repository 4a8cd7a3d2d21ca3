"""JSON, TSV, Parquet, Arrow and text: the same rows out of every format, and bad content as rows with a reason."""

from __future__ import annotations

import datetime
import decimal
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.data.builders import every
from tunewright.core.ports import RawRow
from tunewright.data.sources import json as json_source

ROWS = [{"text": f'row {number} ü "quoted"\tand a tab', "label": "ab"[number % 2]} for number in range(2500)]


def rows_of(source: str, path: Path) -> list[RawRow]:
    return list(every("sources")[source].read(path))


def values(source: str, path: Path) -> list[dict[str, Any] | None]:
    return [row.value for row in rows_of(source, path)]


def write(folder: Path, form: str) -> Path:
    path = folder / f"rows.{form}"
    table = pa.Table.from_pylist(ROWS)
    if form == "json":
        path.write_text(json.dumps(ROWS, indent=1, ensure_ascii=False), encoding="utf-8")
    elif form == "wrapped.json":
        path.write_text(json.dumps({"data": ROWS}), encoding="utf-8")
    elif form == "parquet":
        pq.write_table(table, path, row_group_size=300)
    elif form == "arrow":
        with pa.ipc.new_file(path, table.schema) as file:
            file.write_table(table, max_chunksize=700)
    else:
        with pa.ipc.new_stream(path, table.schema) as file:
            file.write_table(table)
    return path


@pytest.mark.parametrize("form", ["json", "wrapped.json", "parquet", "arrow", "stream"])
def test_every_format_gives_the_same_rows(tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_source, "BLOCK_CHARACTERS", 1000)
    source = {"wrapped.json": "json", "stream": "arrow"}.get(form, form)
    found = rows_of(source, write(tmp_path, form))
    assert [row.value for row in found] == ROWS
    assert [row.line for row in found] == list(range(1, len(ROWS) + 1))


def test_tabs_divide_and_quotes_hold_them_together(tmp_path: Path) -> None:
    path = tmp_path / "rows.tsv"
    path.write_text('text\tlabel\none, two\ta\n"with\ttab"\tb\n', encoding="utf-8")
    assert values("tsv", path) == [{"text": "one, two", "label": "a"}, {"text": "with\ttab", "label": "b"}]


def test_a_text_file_is_a_document(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfOne.\r\n\r\nTwo.\n")
    assert values("text", path) == [{"text": "One.\n\nTwo.\n"}]


def test_columns_of_any_type_become_what_json_knows(tmp_path: Path) -> None:
    day, moment = datetime.date(2026, 1, 2), datetime.datetime(2026, 1, 2, 3, 4, 5)
    table = pa.table(
        {
            "n": [1, None],
            "x": [0.5, 2.0],
            "d": [day, None],
            "t": [moment, None],
            "m": pa.array([decimal.Decimal("1.50"), None], pa.decimal128(5, 2)),
            "b": [b"text", b"\xff"],
            "s": pa.array(["a", "b"]).dictionary_encode(),
            "turns": [[{"role": "user", "content": "Hi"}], None],
        }
    )
    pq.write_table(table, tmp_path / "rows.parquet")
    assert values("parquet", tmp_path / "rows.parquet") == [
        {
            "n": 1, "x": 0.5, "d": "2026-01-02", "t": "2026-01-02T03:04:05", "m": 1.5, "b": "text", "s": "a",
            "turns": [{"role": "user", "content": "Hi"}],
        },
        {"x": 2.0, "b": "/w==", "s": "b"},
    ]  # fmt: skip


def test_numbers_that_are_none_and_broken_text_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.0, float("nan")]}), tmp_path / "rows.parquet")
    found = rows_of("parquet", tmp_path / "rows.parquet")
    assert found[0].value == {"x": 1.0}
    assert found[1].problem.startswith("not_a_number")


@pytest.mark.parametrize("form", ["parquet", "arrow", "stream"])
def test_a_file_cut_short_is_one_bad_row(tmp_path: Path, form: str) -> None:
    path = write(tmp_path, form)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    last = rows_of({"stream": "arrow"}.get(form, form), path)[-1]
    assert last.value is None
    assert last.problem.startswith("broken_file: the file cannot be read from here on")


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        ('[{"a": 1}, 3, {"a": 2}]', ["", "not_an_object", ""]),
        ('[{"a": 1, "a": 2}, {"b": NaN}, {"c": 1}]', ["duplicate_key", "not_a_number", ""]),
        ('[{"a": 1}, {"a": ]', ["", "broken_json"]),
        ('{"a": 1}\n{"a": 2}\n', ["not_an_array"]),
        ("[]", []),
        ("", []),
        ('[{"a": "\\ud800"}]', ["lone_surrogate"]),
    ],
)
def test_json_says_what_is_wrong_with_which_element(tmp_path: Path, content: str, problems: list[str]) -> None:
    path = tmp_path / "rows.json"
    path.write_text(content, encoding="utf-8")
    assert [row.problem.partition(":")[0] for row in rows_of("json", path)] == problems
