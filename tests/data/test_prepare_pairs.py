"""Preference pairs and kept columns through the whole stage: files, steps, split, tokens, Parquet, receipt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.events import Event, Note
from tunewright.core.ports import Row
from tunewright.data.dataset import open_dataset
from tunewright.data.rows import SPLITS
from tunewright.text.chat import ChatFormat


def pairs(count: int) -> list[dict[str, Any]]:
    return [
        {
            "prompt": [{"role": "user", "content": f"question {n}"}],
            "chosen": f"good {n}",
            "rejected": f"bad {n}",
            "region": ["north", "south"][n % 2],
            "score": {"b": n, "a": [1]},
        }
        for n in range(count)
    ]


def all_rows(folder: Path, version: Any) -> list[Row]:
    dataset = open_dataset(workspace_of(folder), version)
    return [dataset.split(split).row(index) for split in SPLITS for index in range(len(dataset.split(split)))]


def test_pairs_train_what_won_and_keep_what_lost(tmp_path: Path, chat: ChatFormat) -> None:
    rows = [*pairs(30), pairs(1)[0], {**pairs(1)[0], "rejected": "worse"}]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "system": "Be brief."})
    assert version.shape == "preference"
    assert (version.receipt.rows.kept, version.receipt.rows.duplicate) == (31, 1)
    assert version.receipt.sources["rows.jsonl"].reasons == {"duplicate_of_train": 1, "rejected_not_trained": 31}
    dataset = open_dataset(workspace_of(tmp_path), version)
    for split in map(dataset.split, SPLITS):
        for index in range(len(split)):
            row, encoded = split.row(index), split.encoded(index)
            source = rows[row.line - 1]
            assert [turn.get("content") for turn in row.messages] == ["Be brief.", *_said(source)]
            assert row.rejected == ({"role": "assistant", "content": source["rejected"]},)
            tokens, _weights = chat.encode(row.messages, loss_on="answers")
            np.testing.assert_array_equal(encoded.tokens, tokens)
            trained = chat.decode(encoded.tokens[encoded.weights > 0].tolist())
            assert trained.strip() == source["chosen"]
    sides = {
        split: {dataset.split(split).row(i).prompt[-1].get("content") for i in range(len(dataset.split(split)))}
        for split in SPLITS
    }
    assert sum(map(len, sides.values())) == 30


def _said(source: dict[str, Any]) -> list[str]:
    return [source["prompt"][0]["content"], source["chosen"]]


def test_the_turns_that_lost_are_part_of_the_name(tmp_path: Path, chat: ChatFormat) -> None:
    names = set()
    for number, lost in enumerate(("bad", "worse")):
        rows = [{**each, "rejected": lost} for each in pairs(20)]
        write_jsonl(tmp_path / f"{number}.jsonl", rows)
        names.add(prepared(tmp_path, chat, options={"train": f"{number}.jsonl"}).name)
    assert len(names) == 2


def test_a_control_token_in_what_lost_sets_the_row_aside(tmp_path: Path, chat: ChatFormat) -> None:
    bad = {"prompt": "q", "chosen": "a", "rejected": "b<|im_end|>"}
    write_jsonl(tmp_path / "rows.jsonl", [*pairs(20), bad])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    assert version.receipt.sources["rows.jsonl"].reasons["control_token"] == 1
    text = (workspace_of(tmp_path).datasets / version.name / "quarantine.jsonl").read_text()
    assert "of the rejected turns turn 1 holds" in text


@pytest.mark.parametrize("action", ["drop", "cut", "split"])
def test_too_long_pairs_are_fitted_like_other_rows(tmp_path: Path, chat: ChatFormat, action: str) -> None:
    long = {"prompt": "q", "chosen": "good " * 300, "rejected": "bad", "region": "north"}
    write_jsonl(tmp_path / "rows.jsonl", [*pairs(20), long])
    options = {"train": "rows.jsonl", "max_tokens": 128, "overlong": action, "keep": ["region"]}
    version = prepared(tmp_path, chat, options=options)
    assert version.receipt.rows.balanced() and version.receipt.tokens.balanced()
    pieces = [row for row in all_rows(tmp_path, version) if row.line == 21]
    assert len(pieces) == {"drop": 0, "cut": 1, "split": len(pieces)}[action]
    assert (len(pieces) > 1) == (action == "split")
    for row in pieces:
        assert row.rejected == ({"role": "assistant", "content": "bad"},)
        assert row.details == {"columns": {"region": "north"}}
    assert version.receipt.sources["rows.jsonl"].reasons["rejected_not_trained"] == (20 if action == "drop" else 21)


def test_columns_are_kept_with_every_row_and_named_when_missing(tmp_path: Path, chat: ChatFormat) -> None:
    rows = pairs(20)
    del rows[3]["region"]
    rows[4]["region"] = "x" * 1200
    write_jsonl(tmp_path / "rows.jsonl", rows)
    told: list[Event] = []
    keep = {"train": "rows.jsonl", "keep": ["region", "score", "regoin"]}
    version = prepared(tmp_path, chat, options=keep, emit=told.append)
    reasons = version.receipt.sources["rows.jsonl"].reasons
    assert {name: count for name, count in reasons.items() if name.startswith("kept")} == {
        "kept_column_missing: region": 1,
        "kept_column_missing: regoin": 20,
        "kept_column_cut: region": 1,
    }
    assert version.receipt.rows.kept == 20
    notes = [event.text for event in told if isinstance(event, Note)]
    assert 'data.keep: no row has a column "regoin"; nothing is kept of it.' in notes
    assert not any('"region"' in note for note in notes)
    for row in all_rows(tmp_path, version):
        source = rows[row.line - 1]
        expected = {"score": f'{{"a": [1], "b": {row.line - 1}}}'}
        if "region" in source:
            expected["region"] = source["region"][:1000]
        assert row.details == {"columns": expected}


def test_what_is_kept_is_part_of_key_and_name(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", pairs(20))
    options = [{}, {"keep": ["region"]}, {"keep": ["score"]}, {"keep": ["none_such"]}]
    versions = [prepared(tmp_path, chat, options={"train": "rows.jsonl", **more}) for more in options]
    assert len({version.key for version in versions}) == 4
    assert len({version.name for version in versions}) == 3
    assert versions[0].name == versions[3].name


def test_twenty_columns_are_enough(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", pairs(20))
    names = [f"c{number}" for number in range(21)]
    assert prepared(tmp_path, chat, options={"train": "rows.jsonl", "keep": names[:20]}).receipt.rows.kept == 20
    for wrong in (names, ["a", "a"], [""], [3], "region"):
        with pytest.raises(ValueError, match="keep"):
            prepared(tmp_path, chat, options={"train": "rows.jsonl", "keep": wrong})
