"""Files to which JSON objects are appended, one a line: a kill loses nothing but the line that was being written."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tunewright.core.workspace import outside_errors


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
