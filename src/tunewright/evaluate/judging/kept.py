"""Answers of judges kept on disk, one JSON object a line: no question is asked twice, and a kill loses nothing."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tunewright.core import digest
from tunewright.core.workspace import lock, outside_errors


@dataclass(frozen=True)
class Said:
    """What a judge answered, why the answer ended, and its tokens as the server counted them (None: it did not)."""

    text: str
    finish: str
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Kept:
    """The answers of one judge, by the key of their question."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._said = dict(_read(path))

    def __len__(self) -> int:
        """Answers."""
        return len(self._said)

    def find(self, key: str) -> Said | None:
        """The answer to a question, None where it was never given."""
        return self._said.get(key)

    def add(self, key: str, said: Said) -> None:
        """Keep an answer; it is on disk when this returns. Raises OutsideError when the disk refuses."""
        line = json.dumps({"key": key, **asdict(said)}, ensure_ascii=True)
        with self._lock:
            append_line(self.path, line)
            self._said[key] = said


@contextmanager
def open_kept(folder: Path, judge: str) -> Iterator[Kept]:
    """The answers of a judge below a folder, for one process at a time. Raises UserError while another has them."""
    path = folder / f"{digest.short(judge)}.jsonl"
    with lock(path.with_suffix(".lock"), purpose="judge"):
        yield Kept(path)


def append_line(path: Path, line: str) -> None:
    """Add one line to a file and make it last; half a line that a kill left before it is closed first."""
    with outside_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() and not _ends(file):
                file.write(b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())


def json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file, in order; what a kill left of a line is no object and is left out."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            value = _parsed(line)
            if isinstance(value, dict):
                yield value


def _ends(file: Any) -> bool:
    """True when the last byte of a file is the end of a line."""
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line)
    except ValueError:
        return None


def _read(path: Path) -> Iterator[tuple[str, Said]]:
    for value in json_lines(path):
        key = value.pop("key", None)
        if isinstance(key, str) and value.keys() == Said.__dataclass_fields__.keys():
            yield key, Said(**value)
