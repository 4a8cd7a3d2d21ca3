"""The workspace: one folder that holds everything made, written atomically and locked where two processes could meet.

`<home>/datasets/<name>/ runs/<key>/ models/<name>/ evaluations/<key>/ index/<stage>/<key>.json cache/ scratch/`
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tunewright.core.errors import OutsideError, UserError

FOLDER = ".tunewright"
RecordT = TypeVar("RecordT", bound=BaseModel)


@dataclass(frozen=True)
class Workspace:
    """Paths below one home folder; nothing is created until something is written."""

    home: Path

    @property
    def datasets(self) -> Path:
        """One folder a DatasetVersion, by name."""
        return self.home / "datasets"

    @property
    def runs(self) -> Path:
        """One folder a Run, by the first 12 characters of its key."""
        return self.home / "runs"

    @property
    def models(self) -> Path:
        """One folder a ModelVersion, by name."""
        return self.home / "models"

    @property
    def evaluations(self) -> Path:
        """One folder an Evaluation, by key."""
        return self.home / "evaluations"

    @property
    def cache(self) -> Path:
        """What can be made again: converted models, compiled kernels."""
        return self.home / "cache"

    @property
    def compiled(self) -> Path:
        """What this machine's compiler made; never copied elsewhere."""
        return self.cache / "compile"

    def find_record(self, stage: str, key: str, kind: type[RecordT]) -> RecordT | None:
        """The record that a stage made for a key, or None. A record that cannot be read counts as absent."""
        path = self.home / "index" / stage / f"{key}.json"
        if not path.exists():
            return None
        try:
            return kind.model_validate_json(path.read_text(encoding="utf-8"))
        except (ValidationError, UnicodeDecodeError):
            return None

    def keep_record(self, stage: str, key: str, record: BaseModel) -> None:
        """Remember what a stage made for a key."""
        write_text(self.home / "index" / stage / f"{key}.json", record.model_dump_json(indent=1, by_alias=True) + "\n")

    def records(self, stage: str, kind: type[RecordT]) -> list[RecordT]:
        """Every record of a stage that can be read, newest file first."""
        folder = self.home / "index" / stage
        files = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
        found = [self.find_record(stage, path.stem, kind) for path in files]
        return [record for record in found if record is not None]


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the whole new one, also after a power cut.

    Raises OutsideError when the disk is full or may not be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with outside_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def write_text(path: Path, content: str) -> None:
    """`write_bytes` for text, as UTF-8."""
    write_bytes(path, content.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """`write_bytes` for a JSON value, indented for people."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=True) + "\n")


@contextmanager
def new_folder(target: Path) -> Generator[Path]:
    """Fill a temporary folder beside `target`; on success it becomes `target` in one step, on failure it is removed.

    If `target` exists meanwhile (another process made the same thing), ours is dropped and theirs stands.
    """
    temporary = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    with outside_errors(target):
        temporary.mkdir(parents=True)
        try:
            yield temporary
            sync_tree(temporary)
            publish(temporary, target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        sync_folder(target.parent)


def publish(temporary: Path, target: Path) -> None:
    """Rename a finished folder to its place unless the place is taken."""
    try:
        temporary.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def sync_tree(folder: Path) -> None:
    """fsync every file below a folder and the folders themselves."""
    for root, _folders, files in os.walk(folder):
        for name in files:
            with (Path(root) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))


def sync_folder(folder: Path) -> None:
    """Make a rename inside a folder last."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


_REFUSALS = {
    errno.EFBIG: (
        "a file may not grow so large here.",
        "Raise the limit (ulimit -f), or choose another file system, and run the same command again.",
    ),
    errno.EIO: ("the disk failed to read or write.", "See what the system's log says, and run the same command again."),
    errno.EMFILE: ("too many files are open in this process.", "Raise the limit (ulimit -n), and run again."),
    errno.ENFILE: ("too many files are open on this machine.", "Close some programs, and run again."),
}


@contextmanager
def outside_errors(path: Path) -> Generator[None]:
    """Turn the operating system's refusals about a path into one sentence."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutsideError(
                "the disk is full.", where=str(path), do="Free some space and run the same command again.", retry="safe"
            ) from error
        if error.errno in _REFUSALS:
            what, do = _REFUSALS[error.errno]
            raise OutsideError(what, where=str(path), do=do, retry="safe") from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise OutsideError(
                "this place may not be written.", where=str(path), do="Set TUNEWRIGHT_HOME to a folder of yours."
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP):
            raise UserError(
                f"no folder can be made here ({os.strerror(error.errno).lower()}).",
                where=str(path),
                do="Set TUNEWRIGHT_HOME or --home to a folder.",
            ) from error
        raise


@contextmanager
def lock(path: Path, *, purpose: str) -> Generator[None]:
    """Hold a lock file for the length of the block; the lock falls with the process, also on kill -9.

    Raises UserError that names the holder when another process has it.
    """
    with outside_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="utf-8")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise UserError(
                f"{holder} is at work here.",
                where=str(path.parent),
                do="Wait for it to end, or stop it, and run again.",
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} ({purpose})")
        file.flush()
        yield
        file.truncate(0)
