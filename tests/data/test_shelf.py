"""Rows laid aside come back as they were, in any order; memory holds none of their text."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.data.builders import row
from tunewright.core.ports import Converted, Message, Row
from tunewright.data.rows import content_key, make_row, prompt_key, side_key
from tunewright.data.shelf import Shelf, wholes

LOST: tuple[Message, ...] = ({"role": "assistant", "content": "no"},)


def sample(count: int) -> list[Row]:
    calls = [{"type": "function", "function": {"name": "f", "arguments": {"x": 1}}}]
    turns = ({"role": "user", "content": "a"}, {"role": "assistant", "content": "", "tool_calls": calls})
    tool = {"type": "function", "function": {"name": "f"}}
    return [row(f"text {number} ü", "ab"[number % 2], line=number) for number in range(count)] + [
        make_row(Converted(turns, tools=(tool,)), source="g", line=7),
        make_row(Converted(turns, rejected=LOST), source="g", line=8),
        make_row(Converted(turns, tools=(tool,), rejected=LOST, details={"columns": {"a": "ü"}}), source="g", line=9),
        make_row(Converted(turns, details={"mark": "canary", "choices": ["x"]}), source="g", line=10),
    ]


def test_rows_come_back_in_any_order_while_others_are_added(tmp_path: Path) -> None:
    rows = sample(50)
    with Shelf(tmp_path / "rows.jsonl") as shelf:
        shelved = []
        for number, each in enumerate(rows):
            shelved.append(shelf.add(each))
            assert shelved[number // 2].whole() == rows[number // 2]
        assert list(wholes(reversed(shelved))) == rows[::-1]
        for light, each in zip(shelved, rows, strict=True):
            assert (light.id, light.label, light.source, light.line) == (each.id, each.label, each.source, each.line)
            assert (light.messages, light.tools) == (each.messages, each.tools)
            assert (light.rejected, light.details) == (each.rejected, each.details)
            assert (content_key(light), prompt_key(light)) == (content_key(each), prompt_key(each))
            assert side_key(light) == side_key(each)
    assert not (tmp_path / "rows.jsonl").exists()


def test_a_long_row_takes_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    with Shelf(tmp_path / "rows.jsonl") as shelf:
        sizes = {
            sys.getsizeof(light) + sys.getsizeof(light._digests)
            for light in map(shelf.add, [row("x"), row("x" * 10**6)])
        }
    assert len(sizes) == 1
    assert sizes.pop() < 300


def test_a_full_disk_leaves_no_shelf_behind(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"), Shelf(path) as shelf:
        shelf.add(row("question"))
    assert not path.is_symlink()
