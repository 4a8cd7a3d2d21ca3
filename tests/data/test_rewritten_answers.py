"""Answers that a template forbids to train are counted in the receipt; rows with tools go all the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data.builders import prepared, workspace_of, write_jsonl
from tests.text.families import write_family
from tunewright.data.dataset import open_dataset
from tunewright.text.chat import load_chat

USER, ANSWER = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "clock", "arguments": '{"zone": "UTC"}'}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "noon"}
TOOLS = [{"type": "function", "function": {"name": "clock", "description": "The time.", "parameters": {}}}]


def test_the_receipt_counts_answers_that_stay_untrained(tmp_path: Path) -> None:
    rows = [{"messages": [USER, ANSWER, {**USER, "content": f"Turn {i}"}, ANSWER]} for i in range(5)]
    rows += [{"messages": [{**USER, "content": f"Row {i}"}, ANSWER]} for i in range(5)]
    write_jsonl(tmp_path / "train.jsonl", rows)
    options = {"train": "train.jsonl", "split": {"validation": 0, "test": 0}}
    counted = {}
    for family in ("qwen3", "qwen25"):
        chat = load_chat(write_family(tmp_path / family, family))
        receipt = prepared(tmp_path, chat, options=options).receipt
        assert receipt.rows.kept == 10
        (source,) = receipt.sources.values()
        counted[family] = source.reasons
    assert counted == {"qwen3": {"answers_rewritten_later": 5}, "qwen25": {}}


def test_rows_with_tools_are_stored_and_encoded_whole(tmp_path: Path) -> None:
    rows = [{"messages": [{**USER, "content": f"Time {i}?"}, CALL, RESULT, ANSWER], "tools": TOOLS} for i in range(4)]
    write_jsonl(tmp_path / "train.jsonl", rows)
    chat = load_chat(write_family(tmp_path / "model", "qwen25"))
    version = prepared(tmp_path, chat, options={"train": "train.jsonl", "split": {"validation": 0, "test": 0}})
    split = open_dataset(workspace_of(tmp_path), version).split("train")
    assert len(split) == 4
    for index in range(4):
        row, encoded = split.row(index), split.encoded(index)
        assert row.messages[1]["tool_calls"][0]["function"] == {"name": "clock", "arguments": {"zone": "UTC"}}
        assert row.tools == tuple(TOOLS)
        tokens, weights = chat.encode(row.messages, loss_on="answers", tools=row.tools)
        np.testing.assert_array_equal(encoded.tokens, tokens)
        np.testing.assert_array_equal(encoded.weights, weights)
