"""Plain text as windows: every token of every document exactly once, end of text after each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import every, parts_of, workspace_of, write_jsonl
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Converted
from tunewright.data.dataset import open_dataset
from tunewright.data.prepare import Inputs, dataset_key, prepare
from tunewright.data.rows import make_row
from tunewright.data.windows import Windows
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import ChatFormat, load_chat

END = 9


@pytest.fixture
def chat(tiny_tokenizer_folder: Path) -> ChatFormat:
    return load_chat(tiny_tokenizer_folder)


class Plain:
    """Decodes nothing: the windows' text is not what is tested."""

    def decode(self, ids: list[int]) -> str:
        return str(len(ids))


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(10, 99), max_size=30), max_size=20), st.integers(2, 16))
def test_the_stream_is_cut_and_nothing_is_lost_or_doubled(documents: list[list[int]], limit: int) -> None:
    windows = Windows(Plain(), limit=limit, end=END)  # type: ignore[arg-type]
    found = []
    for number, tokens in enumerate(documents):
        row = make_row(Converted(({"role": "document", "content": str(number)},)), source="f", line=number + 1)
        found += list(windows.add(row, np.array(tokens, dtype=np.int32)))
    found += list(windows.rest())
    stream = [token for document in documents for token in (*document, END)]
    assert [token for _row, (tokens, _weights) in found for token in tokens.tolist()] == stream
    assert all(len(tokens) == limit for _row, (tokens, _weights) in found[:-1])
    assert all(weights.tolist() == [0.0] + [1.0] * (len(tokens) - 1) for _row, (tokens, weights) in found)
    assert len({row.id for row, _example in found}) == len(found)


def prepared(folder: Path, chat: ChatFormat, *, rows: Any, **options: Any) -> DatasetVersion:
    checked = DataOptions.model_validate(options)
    key = dataset_key(checked, chat, folder=folder, loss_on="all")
    inputs = Inputs(chat, folder, "all", key, "2026-01-01T00:00:00Z", rows)
    return prepare(checked, parts_of(checked), inputs=inputs, workspace=workspace_of(folder), emit=silent)


def test_files_become_windows_and_the_receipt_adds_up(tmp_path: Path, chat: ChatFormat) -> None:
    texts = [f"Document {number}. " + "The red fox sees a green leaf. " * number for number in range(12)]
    for number, text in enumerate(texts):
        (tmp_path / f"{number:02}.txt").write_text(text, encoding="utf-8")
    version = prepared(tmp_path, chat, rows="documents", train="*.txt", max_tokens=32)
    split = open_dataset(workspace_of(tmp_path), version).split("train")
    assert version.receipt.rows.kept == 12
    assert version.receipt.tokens.trained == version.receipt.tokens.kept - sum(version.receipt.splits.values())
    total = sum(len(chat.encode_text(text)) + 1 for text in texts)
    assert version.receipt.tokens.kept == total
    tokens = np.concatenate([split.encoded(index).tokens for index in range(len(split))])
    assert (tokens == chat.end_id).sum() == 12 - 2
    assert split.row(0).messages[0]["role"] == "document"


@pytest.mark.parametrize(
    ("rows", "shape", "row", "sentence"),
    [
        ("conversations", "text", {"text": "a"}, "Write objective: pretrain"),
        ("documents", "question_answer", {"question": "a", "answer": "b"}, "the objective pretrain learns from plain"),
    ],
)
def test_rows_and_objective_must_fit(
    tmp_path: Path, chat: ChatFormat, rows: str, shape: str, row: dict[str, str], sentence: str
) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [row] * 3)
    with pytest.raises(UserError, match=sentence):
        prepared(tmp_path, chat, rows=rows, train="rows.jsonl", shape=shape)
    assert "text" in every("shapes")
