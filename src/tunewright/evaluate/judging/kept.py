"""Answers of judges kept on disk, one JSON object a line: no question is asked twice, and a kill loses nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tunewright.core import digest
from tunewright.core.appended import append_line, json_lines
from tunewright.core.workspace import lock


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
def open_kept(folder: Path, judge: str, *, purpose: str = "judge") -> Iterator[Kept]:
    """The answers of a judge below a folder, for one process at a time. Raises UserError while another has them."""
    path = folder / f"{digest.short(judge)}.jsonl"
    with lock(path.with_suffix(".lock"), purpose=purpose):
        yield Kept(path)


def _read(path: Path) -> Iterator[tuple[str, Said]]:
    for value in json_lines(path):
        key = value.pop("key", None)
        if isinstance(key, str) and value.keys() == Said.__dataclass_fields__.keys():
            yield key, Said(**value)
