"""Run a command and see what it did inside: which modules it loaded, and whether it reached for the network.

A `sitecustomize` on the path is loaded before anything else, in children too, and when the command starts itself again.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TUNEWRIGHT = Path(sys.executable).parent / "tunewright"
WATCH = """
import atexit, os, sys

HERE = os.path.dirname(os.path.abspath(__file__))


def note(name, lines):
    with open(os.path.join(HERE, name), "a") as file:
        file.write("".join(line + "\\n" for line in lines))


def is_loopback(address):
    if not isinstance(address, tuple):  # a path: a socket of this machine
        return True
    host = str(address[0])
    return host.startswith("127.") or host in ("localhost", "::1", "0.0.0.0", "::", "")


def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
    elif event == "socket.getaddrinfo":
        address = (arguments[0] if arguments[0] is not None else "",)
    else:
        return
    if not is_loopback(address):
        note("outbound", [f"{event} {address!r}"])
        raise PermissionError(f"the test lets nothing out: {event} {address!r}")


sys.addaudithook(watch)
atexit.register(lambda: note("modules", sorted(sys.modules)))
"""


@dataclass(frozen=True)
class Watched:
    """What a command and its children did."""

    exit_code: int
    out: str
    modules: frozenset[str]
    outbound: tuple[str, ...]

    def loaded(self, *packages: str) -> set[str]:
        """Which of these packages were loaded."""
        return {package for package in packages if package in self.modules}


def watched(command: Sequence[str | Path], folder: Path, *, environment: dict[str, str] | None = None) -> Watched:
    """Run a command with a watch in `folder`, an empty folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sitecustomize.py").write_text(WATCH)
    variables = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    variables |= {"PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"} | (environment or {})
    done = subprocess.run([str(word) for word in command], env=variables, capture_output=True, text=True, cwd=folder)
    return Watched(
        done.returncode,
        done.stdout + done.stderr,
        frozenset(_lines(folder / "modules")),
        tuple(_lines(folder / "outbound")),
    )


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
