"""Standard output: text for people, or with `--json` one JSON document and nothing else."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

_documents: list[TextIO] = []


def say(text: str, *, end: str = "\n") -> None:
    """A line or more for people, or a part of one with another `end`."""
    print(text, end=end, flush=True)


def warn(text: str) -> None:
    """A line or more on standard error."""
    print(text, file=sys.stderr, flush=True)


def document(value: Any) -> None:
    """The one JSON document of a verb. Keys keep their order; what JSON cannot hold is an error, not a NaN."""
    print(json.dumps(value, ensure_ascii=True, allow_nan=False, indent=1), file=stream(), flush=True)


def stream() -> TextIO:
    """Where documents go."""
    return _documents[0] if _documents else sys.stdout


def keep_for_documents() -> None:
    """From now on standard output is for documents alone: whatever libraries print goes to standard error."""
    sys.stdout.flush()
    _documents[:] = [os.fdopen(os.dup(1), "w", encoding="utf-8")]
    os.dup2(2, 1)


def descriptor() -> int:
    """Where documents go: standard output as it was when the command began."""
    return _documents[0].fileno() if _documents else sys.stdout.fileno()


def close() -> None:
    """Point standard output nowhere, after its reader has gone, so that nothing fails while the process ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for file in (sys.stdout, *_documents):
        os.dup2(nowhere, file.fileno())
    os.close(nowhere)


def shown(path: Path) -> str:
    """A path as short as it can be seen from here."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
