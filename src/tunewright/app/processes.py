"""Several processes that train together on one machine: started, watched and ended as one.

The parent prepares the data, then starts the same command once a rank. A pipe ties the children to it: when the parent
is gone, however it went, they end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewright.app.leash import LEASH
from tunewright.core.errors import EXIT_STOPPED, OutsideError
from tunewright.train.world import MEETING, RANK, SIZE

GRACE_S = 10.0
"""How long the others may take to end when one is gone."""
POLL_S = 0.05
TAIL_CHARACTERS = 600


def launch(words: Sequence[str], count: int, *, environment: Mapping[str, str], stdout: int | None) -> int:
    """Run `tunewright WORDS` as `count` ranks; the exit code is the first rank's.

    `stdout`: where the first rank writes, a file descriptor; None is ours. Raises OutsideError when a rank is lost,
    with what it said last.
    """
    with tempfile.TemporaryDirectory(prefix="tunewright-ranks-") as folder, _leash() as held:
        place = _Place(Path(folder), held, count, environment, stdout)
        children = [_start(words, rank, place) for rank in range(count)]
        with _forwarding(children):
            lost = _wait(children)
        codes = [child.returncode for child in children]
        silent = lost is not None and (lost != 0 or codes[0] < 0)  # the first says itself what happened, unless killed
        if lost is not None and silent and EXIT_STOPPED not in codes:
            raise OutsideError(
                f"process {lost} of {count} ended with {_told(codes[lost])}: {_tail(Path(folder) / f'{lost}.log')}",
                do="Run the same command again; it goes on from the last checkpoint.",
                retry="safe",
            )
        return codes[0] if codes[0] >= 0 else 128 - codes[0]


@contextmanager
def _leash() -> Generator[int]:
    """The reading end of a pipe; the writing end is held for the length of the block."""
    reading, writing = os.pipe()
    try:
        yield reading
    finally:
        os.close(writing)
        os.close(reading)


@dataclass(frozen=True)
class _Place:
    """Where ranks meet and write."""

    folder: Path
    leash: int
    count: int
    environment: Mapping[str, str]
    stdout: int | None


def _start(words: Sequence[str], rank: int, place: _Place) -> subprocess.Popen[bytes]:
    threads = max(1, int(place.environment.get("OMP_NUM_THREADS", str(os.cpu_count() or 1))) // place.count)
    own = {
        RANK: str(rank),
        SIZE: str(place.count),
        MEETING: f"file://{place.folder / 'meeting'}",
        LEASH: str(place.leash),
        "OMP_NUM_THREADS": str(threads),
    }
    if sys.platform == "linux":  # all are on this machine: what its name resolves to does not matter
        own["GLOO_SOCKET_IFNAME"] = place.environment.get("GLOO_SOCKET_IFNAME", "lo")
    command = [sys.executable, "-m", "tunewright", *words]
    with (place.folder / f"{rank}.log").open("wb") as log:
        spoken: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": log} if rank else {"stdout": place.stdout}
        return subprocess.Popen[bytes](command, env={**place.environment, **own}, pass_fds=(place.leash,), **spoken)


@contextmanager
def _forwarding(children: Sequence[subprocess.Popen[bytes]]) -> Generator[None]:
    """Pass a request to stop on to every rank: they finish the step, save and leave together."""

    def forward(_number: int, _frame: object) -> None:
        _tell(children, signal.SIGTERM)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(children: Sequence[subprocess.Popen[bytes]]) -> int | None:
    """Wait for all to end; the first rank that failed, None when none did. The others are ended after it."""
    lost: int | None = None
    deadline = float("inf")
    while any(child.poll() is None for child in children):
        failed = [rank for rank, child in enumerate(children) if child.poll() not in (None, 0)]
        if failed and lost is None:
            lost, deadline = failed[0], time.monotonic() + GRACE_S
        if time.monotonic() > deadline:
            _tell(children, signal.SIGKILL)
        time.sleep(POLL_S)
    failed = [rank for rank, child in enumerate(children) if child.returncode]
    return lost if lost is not None else next(iter(failed), None)


def _tell(children: Sequence[subprocess.Popen[bytes]], number: signal.Signals) -> None:
    for child in children:
        if child.poll() is None:
            child.send_signal(number)


def _told(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"


def _tail(log: Path) -> str:
    said = " ".join(log.read_text(encoding="utf-8", errors="replace").split())
    return f"{said[-TAIL_CHARACTERS:]}." if said else "it said nothing."


def train_words(words: Sequence[str], *, leave_out: Sequence[str] = ()) -> list[str]:
    """The command line of a rank: `train` with the same words, but for `--processes N` and those left out."""
    kept: list[str] = []
    skip = False
    for word in words[1:]:
        if skip:
            skip = False
        elif word == "--processes":
            skip = True
        elif not word.startswith("--processes=") and word not in leave_out:
            kept.append(word)
    return ["train", *kept]
