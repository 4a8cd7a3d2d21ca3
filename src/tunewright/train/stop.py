"""Stopping in good order: a signal is remembered, the step is finished, the state is saved."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopSwitch:
    """Says whether a stop was asked for, and by which signal."""

    def __init__(self) -> None:
        self.asked: str | None = None

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler. A second interrupt from the keyboard does not wait for the step."""
        if self.asked is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.asked = signal.Signals(number).name


@contextmanager
def stop_switch() -> Iterator[StopSwitch]:
    """Listen for SIGTERM and SIGINT inside the block; the handlers before it come back after it.

    Python lets only the main thread listen; in another thread the switch stays off.
    """
    switch = StopSwitch()
    if threading.current_thread() is not threading.main_thread():
        yield switch
        return
    before = {number: signal.signal(number, switch) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield switch
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
