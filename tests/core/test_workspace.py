"""Atomic writes, records and locks."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tunewright.core import workspace
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import ModelVersion
from tunewright.core.workspace import Workspace, lock, new_folder, write_bytes, write_text

HOLDER = """
import sys, time
from pathlib import Path
from tunewright.core.workspace import lock
with lock(Path(sys.argv[1]), purpose="train"):
    print("held", flush=True)
    time.sleep(60)
"""


def record(name: str) -> ModelVersion:
    facts = {
        "base": "b",
        "base_digest": "d",
        "method": "lora",
        "chat_digest": "c",
        "numbers": {"weights": "fp32", "products": "fp32"},
    }
    return ModelVersion.model_validate({"name": name, "key": "k", "trained_parameters": 3, **facts})


def test_a_failed_write_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_text(path, "old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutsideError, match=r"the disk is full\. Free some space") as caught:
        write_bytes(path, b"new")
    assert caught.value.retry == "safe"
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with pytest.raises(RuntimeError), new_folder(target) as folder:
        (folder / "half").write_text("x")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with new_folder(target) as folder:
        (folder / "whole").write_text("x")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["whole"]


def test_the_first_of_two_makers_stands(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with new_folder(target) as folder:
        (folder / "mine").write_text("x")
        with new_folder(target) as other:
            (other / "theirs").write_text("y")
    assert [path.name for path in target.iterdir()] == ["theirs"]
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_records_come_back_and_a_damaged_one_is_absent(tmp_path: Path) -> None:
    place = Workspace(tmp_path)
    assert place.find_record("models", "k", ModelVersion) is None
    place.keep_record("models", "k", record("m"))
    assert place.find_record("models", "k", ModelVersion) == record("m")
    assert place.records("models", ModelVersion) == [record("m")]
    (tmp_path / "index" / "models" / "k.json").write_text('{"name": ')
    assert place.find_record("models", "k", ModelVersion) is None
    assert place.records("models", ModelVersion) == []


def test_a_lock_names_its_holder_and_falls_with_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    with pytest.raises(UserError, match=rf"process {holder.pid} \(train\) is at work here"), lock(path, purpose="x"):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    for _ in range(100):
        try:
            with lock(path, purpose="next"):
                assert path.read_text() == f"process {os.getpid()} (next)"
            break
        except UserError:
            time.sleep(0.05)
    else:
        pytest.fail("the lock outlived its holder")


@pytest.mark.parametrize(("number", "words"), [(13, "may not be written"), (20, "no folder can be made here")])
def test_refusals_of_the_system_are_sentences(tmp_path: Path, number: int, words: str) -> None:
    with pytest.raises((OutsideError, UserError), match=words), workspace.outside_errors(tmp_path):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EFBIG, "file may not grow"),
        (errno.EIO, "disk failed"),
        (errno.EMFILE, "too many"),
    ],
)
def test_what_the_disk_refuses_is_the_outside_worlds(number: int, said: str, tmp_path: Path) -> None:
    with pytest.raises(OutsideError, match=said), workspace.outside_errors(tmp_path):
        raise OSError(number, os.strerror(number))
