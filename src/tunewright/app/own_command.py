"""Verbs of our own command in a process each: what one takes of memory is its own, and where it ends others go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TextIO

from tunewright.app.leash import LEASH
from tunewright.core.errors import EXIT_STOPPED, Problem, Stopped


@dataclass(frozen=True)
class Ended:
    """A verb that came to its end, with its JSON document; empty where it wrote none."""

    code: int
    document: dict[str, Any]

    @property
    def error(self) -> str:
        """Why there is no result, in a sentence; empty where there is one. A gate that is not met is a result."""
        problems = self.document.get("error", {}).get("problems", [])
        if problems:
            return Problem(**problems[0]).sentence()
        if self.code < 0:
            name = signal.Signals(-self.code).name
            return f"the system ended this ({name}); mostly there is not enough memory."
        return "" if self.document else f"this ended with code {self.code} and said nothing."


def carry_out(words: Sequence[str], *, shown_on: TextIO | None = None) -> Ended:
    """Run `tunewright WORDS --json` to its end. `shown_on` is where its progress goes; None: nowhere.

    It ends when this process does. Raises Stopped when it was asked to stop and saved its state.
    """
    reading, writing = os.pipe()
    quiet = [] if shown_on else ["--quiet"]
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "tunewright", *words, "--json", *quiet],
            stdout=subprocess.PIPE,
            stderr=shown_on or subprocess.DEVNULL,
            env={**os.environ, LEASH: str(reading)},
            pass_fds=[reading],
        )
        text = _to_its_end(process)
    finally:
        os.close(reading)
        os.close(writing)
    if process.returncode == EXIT_STOPPED:
        raise Stopped("stopped by you; the state is saved.", do="Run the same command again; it goes on from there.")
    return Ended(process.returncode, _document(text))


def _to_its_end(process: subprocess.Popen[bytes]) -> bytes:
    """What it wrote. When people press Ctrl-C, it is told too, and may save its state first."""
    try:
        return process.communicate()[0]
    except KeyboardInterrupt:
        process.wait()
        raise


def _document(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
