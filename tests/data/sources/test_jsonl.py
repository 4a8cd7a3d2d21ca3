"""Every bad line is a row with a short reason, at the right line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tunewright.data import lines
from tunewright.data.sources.jsonl import Work
from tunewright.recipe.options.sources.jsonl import Options

GOOD = b'{"a": 1}'
BAD = {
    "broken_json": [b'{"a": ', b"{'a': 1}", b'{"a": 1} x', b'{"a": "\x01"}', b'{"a": ' + b"9" * 5000 + b"}"],
    "not_an_object": [b"[]", b'"text"', b"3", b"null"],
    "nul_byte": [b'{"a": "\0"}', b'{"a": "\\u0000"}', '{"a": 1}'.encode("utf-16-le")],
    "wrong_encoding": [b'{"a": "\xff"}', '{"a": "é"}'.encode("latin-1"), b'{"a": "\xed\xa0\x80"}'],
    "lone_surrogate": [b'{"a": "\\ud83d"}', b'{"\\ude00": 1}', b'{"a": [{"b": ["\\ud83d x"]}]}'],
    "not_a_number": [b'{"a": NaN}', b'{"a": [-Infinity]}'],
    "duplicate_key": [b'{"a": 1, "a": 2}', b'{"b": {"a": 1, "a": 1}}'],
    "nested_too_deep": [b'{"a": ' + b"[" * 100_000],
}


def read(path: Path, content: bytes) -> list:
    path.write_bytes(content)
    return list(Work(Options()).read(path))


@pytest.mark.parametrize(("reason", "line"), [(reason, line) for reason, group in BAD.items() for line in group])
def test_a_bad_line_has_its_reason_and_its_neighbours_live(tmp_path: Path, reason: str, line: bytes) -> None:
    rows = read(tmp_path / "f", GOOD + b"\n" + line + b"\n\n" + GOOD)
    assert [row.line for row in rows] == [1, 2, 4]
    assert rows[0].value == rows[2].value == {"a": 1}
    assert rows[1].value is None
    assert rows[1].problem.partition(":")[0] == reason


def test_good_escapes_pass(tmp_path: Path) -> None:
    rows = read(tmp_path / "f", b'{"a": "\\ud83d\\ude00 \\\\u0000 \\n"}')
    assert rows[0].value == {"a": "😀 \\u0000 \n"}


def test_bom_and_windows_line_ends(tmp_path: Path) -> None:
    rows = read(tmp_path / "f", b"\xef\xbb\xbf" + GOOD + b"\r\n" + GOOD + b"\r\n\r\n")
    assert [row.value for row in rows] == [{"a": 1}, {"a": 1}]


def test_a_line_past_the_bound_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 100)
    long = json.dumps({"a": "x" * 5000}).encode()
    rows = read(tmp_path / "f", GOOD + b"\n" + long + b"\n" + GOOD)
    assert [row.problem.partition(":")[0] for row in rows] == ["", "line_too_long", ""]
    assert rows[2].line == 3


def test_raw_text_is_cut_and_kept(tmp_path: Path) -> None:
    rows = read(tmp_path / "f", b'{"a": "' + b"x" * 9000)
    assert rows[0].raw == '{"a": "' + "x" * 1993
