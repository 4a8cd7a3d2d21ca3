"""Upkeep of the workspace cache: a lock that waits, leftovers removed, digests of big files remembered."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tunewright.core import digest
from tunewright.core.events import Emit, Note
from tunewright.core.workspace import Workspace, outside_errors, write_text


@contextmanager
def waiting_lock(target: Path, *, emit: Emit) -> Iterator[None]:
    """Hold the lock beside `target` for the block; wait for another process that makes the same thing.

    Unlike `core.workspace.lock` a holder is no mistake: it makes what we need. The lock falls with the process.
    """
    path = target.with_name(f".{target.name}.lock")
    with outside_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            emit(Note(text=f"Another process is making {target.name[:24]}; waiting for it."))
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def drop_leftovers(target: Path) -> None:
    """Remove unfinished folders that a killed process left beside `target`; call it with the lock held."""
    for folder in target.parent.glob(f".{target.name}.*"):
        if folder.is_dir():
            shutil.rmtree(folder, ignore_errors=True)


def file_digest(path: Path, workspace: Workspace) -> str:
    """SHA-256 of a file, remembered by place, size and time of change, so that big files are read once."""
    status = path.stat()
    key = digest.of_json([str(path.resolve()), status.st_size, status.st_mtime_ns])
    memory = workspace.cache / "digests" / key
    if memory.is_file() and len(known := memory.read_text(encoding="utf-8").strip()) == 64:
        return known
    found = digest.of_file(path)
    write_text(memory, found + "\n")
    return found
