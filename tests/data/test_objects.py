"""Equal files of data sets lie on the disk once, and deleting one data set takes nothing from another."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.core.errors import OutsideError
from tunewright.data import objects
from tunewright.data.dataset import open_dataset
from tunewright.data.objects import OBJECTS, share, stored_bytes, sweep
from tunewright.data.seal import check_seal, seal
from tunewright.text.chat import ChatFormat

SPLIT = {"validation": 0, "test": 0}
SHARED = ("train.parquet", "train.safetensors")


def rows(count: int, word: str) -> list[dict[str, str]]:
    return [{"text": f"{word} number {number} of the house", "label": "ab"[number % 2]} for number in range(count)]


@pytest.fixture
def two(tmp_path: Path, chat: ChatFormat) -> tuple[Path, Path]:
    """Two data sets with the same training rows; their validation rows differ."""
    write_jsonl(tmp_path / "train.jsonl", rows(500, "thing"))
    made = []
    for name in ("one", "two"):
        write_jsonl(tmp_path / f"{name}.jsonl", rows(20, name))
        options = {"train": "train.jsonl", "validation": f"{name}.jsonl", "split": SPLIT}
        made.append(prepared(tmp_path, chat, options=options))
    datasets = workspace_of(tmp_path).datasets
    return datasets / made[0].name, datasets / made[1].name


def test_two_data_sets_that_differ_in_validation_only_share_their_training_files(two: tuple[Path, Path]) -> None:
    for name in SHARED:
        assert (two[0] / name).samefile(two[1] / name)
    assert not (two[0] / "validation.parquet").samefile(two[1] / "validation.parquet")
    train = sum((two[0] / name).stat().st_size for name in SHARED)
    read, stored = stored_bytes(two)
    empty = sum((two[0] / name).stat().st_size for name in ("test.parquet", "test.safetensors", "fates.parquet"))
    assert read - stored == train + empty
    assert (read - stored) / read > 0.4


@pytest.mark.parametrize("gone", [0, 1])
def test_deleting_one_leaves_the_other_whole(two: tuple[Path, Path], gone: int) -> None:
    shutil.rmtree(two[gone])
    freed = sweep(two[0].parent / OBJECTS)
    check_seal(two[1 - gone])
    assert freed > 0
    left = {path.name for path in (two[0].parent / OBJECTS).iterdir()}
    shutil.rmtree(two[1 - gone])
    assert left
    sweep(two[0].parent / OBJECTS)
    assert list((two[0].parent / OBJECTS).iterdir()) == []


def test_a_damaged_shared_file_is_found_in_both_and_never_shared_again(
    two: tuple[Path, Path], tmp_path: Path, chat: ChatFormat
) -> None:
    file = two[0] / "train.safetensors"
    with file.open("r+b") as opened:
        opened.seek(-9, os.SEEK_END)
        byte = opened.read(1)
        opened.seek(-9, os.SEEK_END)
        opened.write(bytes([byte[0] ^ 0xFF]))
    for folder in two:
        with pytest.raises(OutsideError, match=r"train\.safetensors: this file is damaged"):
            check_seal(folder)
    shutil.rmtree(two[0])
    options = {"train": "train.jsonl", "validation": "one.jsonl", "split": SPLIT}
    again = prepared(tmp_path, chat, options=options)
    check_seal(two[0])
    assert len(open_dataset(workspace_of(tmp_path), again).split("train")) == 500
    assert not (two[0] / "train.safetensors").samefile(two[1] / "train.safetensors")


def folder_with(tmp_path: Path, name: str) -> Path:
    folder = tmp_path / name
    folder.mkdir()
    (folder / "train.parquet").write_bytes(b"rows" * 1000)
    (folder / "receipt.json").write_bytes(b"{}")
    seal(folder)
    return folder


def test_small_files_are_not_shared(tmp_path: Path) -> None:
    first, second = folder_with(tmp_path, "a"), folder_with(tmp_path, "b")
    assert share(first, objects=tmp_path / OBJECTS) == 0
    assert share(second, objects=tmp_path / OBJECTS) == 4000
    assert not (first / "receipt.json").samefile(second / "receipt.json")


def test_a_file_system_without_links_keeps_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_paths: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(objects.os, "link", refuse)
    first, second = folder_with(tmp_path, "a"), folder_with(tmp_path, "b")
    assert share(first, objects=tmp_path / OBJECTS) == share(second, objects=tmp_path / OBJECTS) == 0
    check_seal(first)
    check_seal(second)
    assert sorted(path.name for path in first.iterdir()) == ["digests.json", "receipt.json", "train.parquet"]
    assert stored_bytes([first, second])[0] == stored_bytes([first, second])[1]


def test_what_is_needed_is_not_swept(tmp_path: Path) -> None:
    folder = folder_with(tmp_path, "a")
    share(folder, objects=tmp_path / OBJECTS)
    assert sweep(tmp_path / OBJECTS) == 0
    (folder / "train.parquet").unlink()
    assert sweep(tmp_path / OBJECTS) == 4000
    assert sweep(tmp_path / "nowhere") == 0
