"""The steps that choose rows in the whole stage: rows on the shelf, one process or two, receipt and order."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.nouns import DatasetVersion
from tunewright.data.dataset import open_dataset
from tunewright.text.chat import ChatFormat

ROWS = [
    {
        "text": f"{'fever of the heart' if number % 3 else 'who won the cup'} {number} {'again ' * (number % 11)}",
        "label": "ab"[number % 4 == 0],
        "patient": f"p{number // 5}",
        "day": f"2026-01-{1 + number % 28:02d}",
        "w": number % 5,
    }
    for number in range(240)
]
STEPS: list[Any] = [
    "deduplicate",
    {"relevance": {"examples": ["fever", "heart"], "top": 0.9}},
    {"sample": {"rows": 0.8, "stratify": "label"}},
    {"balance": {"how": "oversample"}},
    {"mix": {"by": "label", "shares": {"a": 3, "b": 1}}},
    {"select": {"rows": 90}},
    {"weight": {"column": "w"}},
    {"order": {"by": "characters"}},
]


def made(folder: Path, chat: ChatFormat, *, rows: list[Any] = ROWS, **options: Any) -> DatasetVersion:
    """The stage over two files of rows."""
    write_jsonl(folder / "one.jsonl", rows[:100])
    write_jsonl(folder / "two.jsonl", rows[100:])
    whole = {"train": "*.jsonl", "keep": ["patient", "day", "w"], "split": {"test": 0.2, "validation": 0.1}, **options}
    return prepared(folder, chat, options=whole)


def rows_of(folder: Path, version: DatasetVersion, split: str) -> list[Any]:
    """Rows of a split, in order."""
    found = open_dataset(workspace_of(folder), version).split(split)
    return [found.row(index) for index in range(len(found))]


def test_all_steps_together(tmp_path: Path, chat: ChatFormat) -> None:
    version = made(tmp_path, chat, steps=STEPS)
    counts = version.receipt.rows
    assert counts.balanced()
    assert counts.dropped["relevance"] == 24 and counts.dropped["weight.zero"] > 0
    assert set(counts.created) == {"balance.repeated", "mix.repeated"} or set(counts.created) == {"balance.repeated"}
    train = rows_of(tmp_path, version, "train")
    lengths = [sum(len(turn["content"]) for turn in row.messages) for row in train]
    assert lengths == sorted(lengths)
    assert {row.details.get("weight", 1.0) for row in train} == {1.0, 2.0, 3.0, 4.0}
    assert version.receipt.splits == {"train": len(train), "validation": 22, "test": 43}


def test_two_processes_and_other_files_choose_the_same(tmp_path: Path, chat: ChatFormat) -> None:
    one = made(tmp_path / "one", chat, steps=STEPS, workers=1)
    two = made(tmp_path / "two", chat, steps=STEPS, workers=2)
    other = made(tmp_path / "other", chat, steps=STEPS, rows=ROWS[::-1])
    assert one.name == two.name
    ids = [
        Counter(row.id for row in rows_of(tmp_path / name, version, split))
        for name, version in (("one", one), ("other", other))
        for split in ("train", "validation", "test")
    ]
    assert ids[:3] == ids[3:]


@pytest.mark.parametrize(
    "how", [{"balance": {"how": "weight"}}, {"relevance": {"examples": ["fever"], "action": "weight"}}]
)
def test_weights_reach_the_loss_weights(tmp_path: Path, chat: ChatFormat, how: dict[str, Any]) -> None:
    version = made(tmp_path, chat, steps=[how])
    split = open_dataset(workspace_of(tmp_path), version).split("train")
    for index in range(len(split)):
        expected = split.row(index).details.get("weight", 1.0)
        weights = split.encoded(index).weights
        assert weights[weights != 0] == pytest.approx(expected, rel=1e-6)
    assert version.receipt.rows.changed and version.receipt.rows.balanced()


def test_groups_and_times_divide_prepared_rows(tmp_path: Path, chat: ChatFormat) -> None:
    split = {"test": 0.2, "validation": 0.1}
    version = made(tmp_path / "groups", chat, split={**split, "by": "patient"})
    sides = [
        {row.details["columns"]["patient"] for row in rows_of(tmp_path / "groups", version, each)}
        for each in ("train", "validation", "test")
    ]
    assert sum(map(len, sides)) == len(set().union(*sides)) == 48
    version = made(tmp_path / "times", chat, split={**split, "time": "day"})
    days = {
        each: [row.details["columns"]["day"] for row in rows_of(tmp_path / "times", version, each)]
        for each in ("train", "validation", "test")
    }
    assert max(days["train"]) <= min(days["validation"]) and max(days["validation"]) <= min(days["test"])
    assert len(days["test"]) == 48 and len(days["validation"]) == 24
