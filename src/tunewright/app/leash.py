"""The pipe that ties a rank to the process that started it: when that one is gone, however it went, the rank ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Mapping

LEASH = "TUNEWRIGHT_LEASH"
"""File descriptor of the pipe whose other end the parent holds."""


def hold(environment: Mapping[str, str]) -> None:
    """End this process when the one that started it is gone; nothing happens where nobody holds a leash."""
    descriptor = environment.get(LEASH)
    if descriptor is None:
        return

    def watch() -> None:
        while os.read(int(descriptor), 1):
            pass
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
