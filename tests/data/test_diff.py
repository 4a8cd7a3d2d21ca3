"""Rows that came, went, moved and changed between two data sets, counted as they were planted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError
from tunewright.data.catalogue import find
from tunewright.data.diff import Difference, compare
from tunewright.text.chat import ChatFormat

NONE = {"validation": 0, "test": 0}


def row(number: int, word: str = "house", label: str | None = None) -> dict[str, str]:
    return {"text": f"thing {number} of the {word} by the sea", "label": label or "ab"[number % 2]}


def difference(
    folder: Path,
    chat: ChatFormat,
    a: Sequence[Any],
    b: Sequence[Any],
    *,
    names: tuple[str, str] = ("r", "r"),
    **options: Any,
) -> Difference:
    made = []
    for name, rows in zip(names, (a, b), strict=True):
        write_jsonl(folder / f"{name}.jsonl", rows)
        made.append(prepared(folder, chat, options={"train": f"{name}.jsonl", "split": NONE, **options}))
    workspace = workspace_of(folder)
    return compare(*(find(workspace, version.name) for version in made))


def test_planted_changes_are_counted(tmp_path: Path, chat: ChatFormat) -> None:
    old = [row(number) for number in range(100)]
    new = [row(number, "garden") if number in (3, 50, 77) else row(number) for number in range(95)]
    new += [{"text": f"quite another matter {number}", "label": "b"} for number in range(7)]
    found = difference(tmp_path, chat, old, new)
    assert (found.same, found.moved) == (92, 0)
    assert found.changed == {"train": 3}
    assert found.removed == {"train": 5}
    assert found.added == {"train": 7}
    assert found.statistics["train rows"] == (100, 102)
    example = found.examples["changed"][0]
    assert "of the house" in str(example.a)
    assert "of the garden" in str(example.b)
    assert set(found.options) == {"sources"}


def test_a_data_set_does_not_differ_from_itself(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [row(number) for number in range(30)]
    found = difference(tmp_path, chat, rows, rows)
    assert (found.same, found.moved, found.added, found.removed, found.changed) == (30, 0, {}, {}, {})
    assert (found.options, found.examples) == ({}, {"changed": [], "added": [], "removed": []})


def test_lines_that_moved_are_no_changes(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [row(number) for number in range(30)]
    found = difference(tmp_path, chat, rows, [row(99, "rest"), *rows])
    assert (found.same, found.added, found.removed, found.changed) == (30, {"train": 1}, {}, {})


def test_another_row_on_the_same_line_is_no_change_of_it(tmp_path: Path, chat: ChatFormat) -> None:
    other = {"text": "quite different words stand here now", "label": "zebra"}
    found = difference(tmp_path, chat, [row(1), row(2)], [row(1), other])
    assert (found.added, found.removed, found.changed) == ({"train": 1}, {"train": 1}, {})


def test_a_file_under_another_name_is_the_same_rows(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [row(number) for number in range(20)]
    found = difference(tmp_path, chat, rows, [row(0, "garden"), *rows[1:]], names=("old", "new"))
    assert (found.same, found.changed) == (19, {"train": 1})


def test_what_a_step_changed_is_the_same_row_changed(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [{"text": f"text   {number} with   blanks \u200b inside", "label": "ab"[number % 2]} for number in range(20)]
    write_jsonl(tmp_path / "r.jsonl", rows)
    plain = prepared(tmp_path, chat, options={"train": "r.jsonl", "split": NONE})
    clean = prepared(tmp_path, chat, options={"train": "r.jsonl", "split": NONE, "steps": ["clean", "deduplicate"]})
    workspace = workspace_of(tmp_path)
    found = compare(find(workspace, plain.name), find(workspace, clean.name))
    assert (found.same, found.changed, found.added, found.removed) == (0, {"train": 20}, {}, {})
    assert list(found.options) == ["steps"]
    assert found.statistics["changes"] == (0, 20)


def test_rows_in_another_split_have_moved(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [row(number) for number in range(40)]
    write_jsonl(tmp_path / "r.jsonl", rows)
    versions = [prepared(tmp_path, chat, options={"train": "r.jsonl", "split": {"seed": seed}}) for seed in (0, 1)]
    workspace = workspace_of(tmp_path)
    found = compare(*(find(workspace, version.name) for version in versions))
    assert found.same + found.moved == 40
    assert found.moved > 0
    assert (found.added, found.removed, found.changed) == ({}, {}, {})


def test_equal_rows_count_each(tmp_path: Path, chat: ChatFormat) -> None:
    found = difference(tmp_path, chat, [row(1)] * 3 + [row(2)], [row(1)] * 5 + [row(2)], steps=[])
    assert (found.same, found.added) == (4, {"train": 2})


def test_labels_stand_side_by_side(tmp_path: Path, chat: ChatFormat) -> None:
    found = difference(tmp_path, chat, [row(0), row(1)], [row(0), row(1), row(3), row(4, label="c")])
    assert found.labels == {"a": (1, 1), "b": (1, 2), "c": (0, 1)}


def test_a_damaged_file_is_named(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "r.jsonl", [row(number) for number in range(9)])
    version = prepared(tmp_path, chat, options={"train": "r.jsonl", "split": NONE})
    workspace = workspace_of(tmp_path)
    (workspace.datasets / version.name / "train.parquet").write_bytes(b"PAR1 no")
    entry = find(workspace, version.name)
    with pytest.raises(OutsideError, match=r"train\.parquet: this file is damaged"):
        compare(entry, entry)


@settings(max_examples=12, deadline=None)
@given(
    old=st.lists(st.integers(0, 12), min_size=1, max_size=15),
    new=st.lists(st.integers(0, 12), min_size=1, max_size=15),
)
def test_nothing_is_lost_between_two_versions(old, new, chat: ChatFormat, tmp_path_factory) -> None:
    folder = tmp_path_factory.mktemp("pair")
    found = difference(folder, chat, [row(one) for one in old], [row(one) for one in new], steps=[])
    kept, changed = found.same + found.moved, sum(found.changed.values())
    assert kept + changed + sum(found.removed.values()) == len(old)
    assert kept + changed + sum(found.added.values()) == len(new)
