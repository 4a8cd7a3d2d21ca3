"""Reading prepared data: plain safetensors, rows from any Parquet group, damage noticed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from tests.data.builders import prepared, row, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.ports import Converted, Message, Row
from tunewright.data import store
from tunewright.data.dataset import Split, open_dataset
from tunewright.data.rows import make_row
from tunewright.data.store import SplitWriter
from tunewright.text.chat import ChatFormat


def write_split(folder: Path, lengths: list[int]) -> SplitWriter:
    """A split whose example i has tokens i, i, ... and weight 0.5 after the first."""
    with SplitWriter(folder, "train") as writer:
        for index, length in enumerate(lengths):
            weights = np.full(length, 0.5, np.float32)
            weights[0] = 0
            writer.add(row(f"text {index}", "a", line=index), (np.full(length, index, np.int32), weights))
        writer.finish()
    return writer


def test_arrays_are_what_safetensors_reads(tmp_path: Path) -> None:
    write_split(tmp_path, [3, 1, 5])
    theirs, ours = load_file(tmp_path / "train.safetensors"), Split(tmp_path, "train")
    assert theirs["offsets"].tolist() == [0, 3, 4, 9]
    assert theirs["tokens"].tolist() == [0] * 3 + [1] + [2] * 5
    for name in ("tokens", "weights", "offsets"):
        np.testing.assert_array_equal(getattr(ours, name), theirs[name])
        assert not getattr(ours, name).flags.writeable
    assert ours.lengths.tolist() == [3, 1, 5]
    assert ours.trained.tolist() == [1.0, 0.0, 2.0]
    assert ours.encoded(2).tokens.tolist() == [2] * 5 and ours.encoded(2).index == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["train.parquet", "train.safetensors"]


def test_which_ids_stand_in_a_split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK_ROWS", 4)
    write_split(tmp_path, [2] * 11)
    split = Split(tmp_path, "train")
    ids = {row(f"text {index}", "a").id for index in (0, 3, 4, 10)}
    assert split.standing({*ids, row("text 11", "a").id, "nothing"}) == ids
    assert split.standing(()) == set()
    (tmp_path / "train.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(OutsideError, match=r"train\.parquet: this file is damaged"):
        Split(tmp_path, "train").standing(ids)


def test_rows_of_every_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "BLOCK_ROWS", 4)
    write_split(tmp_path, [2] * 11)
    split = Split(tmp_path, "train")
    assert len(split) == 11
    for index in (10, 0, 3, 4, 7, 8):
        assert split.row(index) == row(f"text {index}", "a", line=index)
    for index in (-1, 11):
        with pytest.raises(IndexError):
            split.row(index)
        with pytest.raises(IndexError):
            split.encoded(index)


def test_the_digest_does_not_know_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for block in (1, 3, 100):
        monkeypatch.setattr(store, "BLOCK_ROWS", block)
        (tmp_path / str(block)).mkdir()
        digests.append(write_split(tmp_path / str(block), [2, 3, 4, 5, 6]).digest)
    (tmp_path / "other").mkdir()
    assert len(set(digests)) == 1
    assert write_split(tmp_path / "other", [2, 3, 4, 6, 5]).digest != digests[0]


def test_the_digest_knows_rows_with_equal_tokens_apart(tmp_path: Path) -> None:
    digests = set()
    for label in "ab":
        with SplitWriter(tmp_path, "train") as writer:
            writer.add(row("text", label), (np.ones(2, np.int32), np.ones(2, np.float32)))
            writer.finish()
        digests.add(writer.digest)
    assert len(digests) == 2


LOST: tuple[Message, ...] = ({"role": "assistant", "content": "no"},)
DETAILED = [
    row("plain"),
    make_row(Converted(row("pair").messages, rejected=LOST), source="f", line=2),
    make_row(Converted(row("kept").messages, details={"columns": {"region": "nörd"}}), source="f", line=3),
    make_row(Converted(row("both").messages, "l", rejected=LOST, details={"mark": "canary"}), source="f", line=4),
]


def written(folder: Path, rows: list[Row]) -> str:
    folder.mkdir(exist_ok=True)
    with SplitWriter(folder, "train") as writer:
        for each in rows:
            writer.add(each, (np.ones(2, np.int32), np.ones(2, np.float32)))
        writer.finish()
    return writer.digest


def test_rejected_turns_and_details_come_back(tmp_path: Path) -> None:
    written(tmp_path, DETAILED)
    split = Split(tmp_path, "train")
    assert [split.row(index) for index in range(4)] == DETAILED
    table = pq.read_table(tmp_path / "train.parquet")
    assert table.column("rejected").null_count == table.column("details").null_count == 2


def test_files_from_before_there_were_these_columns_still_open(tmp_path: Path) -> None:
    written(tmp_path, DETAILED)
    path = tmp_path / "train.parquet"
    pq.write_table(pq.read_table(path).drop_columns(["rejected", "details"]), path)
    split = Split(tmp_path, "train")
    assert [split.row(index) for index in range(4)] == [replace(each, rejected=(), details={}) for each in DETAILED]


def test_the_digest_knows_details_and_which_row_they_are_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = [
        [replace(each, details=details) for each, details in zip((row("a"), row("b"), row("c")), some, strict=True)]
        for some in ([{}, {}, {}], [{"mark": "x"}, {}, {}], [{}, {"mark": "x"}, {}], [{}, {"mark": "y"}, {}])
    ]
    digests = [written(tmp_path / "whole", rows) for rows in versions]
    assert len(set(digests)) == len(versions)
    monkeypatch.setattr(store, "BLOCK_ROWS", 1)
    assert [written(tmp_path / "blocks", rows) for rows in versions] == digests


def test_the_digest_without_details_is_the_one_of_earlier_versions(tmp_path: Path) -> None:
    with SplitWriter(tmp_path, "train") as writer:
        for index in range(3):
            example = np.full(2 + index, index, np.int32), np.ones(2 + index, np.float32)
            writer.add(row(f"text {index}", "a", line=index), example)
        writer.finish()
    assert writer.digest == "aaca92073c6d0b70f33914436041b49cac6ae20fd03257ce33c9750630966d01"


def test_an_empty_split(tmp_path: Path) -> None:
    write_split(tmp_path, [])
    split = Split(tmp_path, "train")
    assert len(split) == 0
    assert split.lengths.tolist() == split.trained.tolist() == []
    assert load_file(tmp_path / "train.safetensors")["tokens"].shape == (0,)


@pytest.mark.parametrize("harm", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"", lambda b: b[:8] + b"?" + b[9:]])
def test_damage_is_noticed(tmp_path: Path, harm) -> None:
    write_split(tmp_path, [3, 4])
    path = tmp_path / "train.safetensors"
    path.write_bytes(harm(path.read_bytes()))
    with pytest.raises(OutsideError, match="damaged"):
        Split(tmp_path, "train")


def test_a_dataset_that_is_gone_and_a_split_that_never_was(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"prompt": f"p{n}", "completion": "c"} for n in range(20)])
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl"})
    dataset = open_dataset(workspace_of(tmp_path), version)
    assert dataset.split("test") is dataset.split("test")
    assert dataset.split("train").row(0).label is None
    with pytest.raises(UserError, match="no split"):
        dataset.split("dev")
    with pytest.raises(OutsideError, match="gone"):
        open_dataset(workspace_of(tmp_path / "elsewhere"), version)
