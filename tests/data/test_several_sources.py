"""Several sources of one split, folders of texts, and weights of a source's rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.builders import every, prepared, workspace_of, write_jsonl
from tunewright.core.errors import UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.data.dataset import Split, open_dataset
from tunewright.data.files import find_files, source_type
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import ChatFormat


def rows(word: str, count: int) -> list[Any]:
    return [{"question": f"What is {word} {n}?", "answer": f"{word} {n}"} for n in range(count)]


def train_of(folder: Path, version: DatasetVersion) -> Split:
    return open_dataset(workspace_of(folder), version).split("train")


def test_rows_of_a_list_are_those_of_its_files(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "a.jsonl", rows("red", 30))
    write_jsonl(tmp_path / "b.jsonl", rows("blue", 20))
    several = prepared(tmp_path, chat, options={"train": ["a.jsonl", {"path": "b.jsonl"}]})
    turned = prepared(tmp_path, chat, options={"train": ["b.jsonl", "a.jsonl"]})
    glob = prepared(tmp_path, chat, options={"train": "[ab].jsonl"})
    assert several.name == turned.name == glob.name
    assert {name: each.rows.in_ for name, each in several.receipt.sources.items()} == {"a.jsonl": 30, "b.jsonl": 20}


def test_a_source_has_a_name_and_a_weight(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "a.jsonl", rows("red", 30))
    write_jsonl(tmp_path / "in" / "b.jsonl", rows("blue", 10))
    write_jsonl(tmp_path / "in" / "c.jsonl", rows("green", 10))
    sources = [{"path": "a.jsonl", "name": "old", "weight": 0.5}, {"path": "in/*.jsonl", "name": "new"}]
    version = prepared(tmp_path, chat, options={"train": sources})
    assert set(version.receipt.sources) == {"old", "new/in/b.jsonl", "new/in/c.jsonl"}
    train = train_of(tmp_path, version)
    for index in range(len(train)):
        row, weights = train.row(index), train.encoded(index).weights
        assert row.details.get("weight", 1) == (0.5 if row.source == "old" else 1)
        assert set(np.unique(weights)) <= {np.float32(0), np.float32(row.details.get("weight", 1))}


def test_a_folder_is_every_text_below_it(tmp_path: Path, chat: ChatFormat) -> None:
    words = " ".join(f"word{n}" for n in range(30))
    for number in range(12):
        path = tmp_path / "docs" / f"deep{number % 3}" / f"page{number}.{'md' if number % 2 else 'txt'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"Page {number}. {words}")
    (tmp_path / "docs" / ".git").mkdir()
    (tmp_path / "docs" / ".git" / "description.txt").write_text("not a document")
    (tmp_path / "docs" / "picture.png").write_bytes(b"\x89PNG")
    found = find_files(DataOptions.model_validate({"train": "docs/"}), folder=tmp_path)["train"]
    assert len(found) == 12 and {file.name.partition("/")[0] for file in found} == {"docs"}
    assert source_type(found[0], every("sources")) == "text"
    with pytest.raises(UserError, match="these rows are plain text"):
        prepared(tmp_path, chat, options={"train": "docs/"})
    write_jsonl(tmp_path / "docs" / "rows.jsonl", rows("red", 30))
    version = prepared(tmp_path, chat, options={"train": {"path": "docs", "type": "jsonl"}})
    assert version.receipt.rows.in_ == 30
