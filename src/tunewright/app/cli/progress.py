"""What happens, shown on standard error while it happens: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from tunewright.app.cli import phrases
from tunewright.core import events
from tunewright.core.events import Emit

PLAIN_EVERY_S = 5.0
"""Steps and counts are at least so far apart in a log."""


@contextmanager
def watch(*, quiet: bool, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> Iterator[Emit]:
    """A sink for events for the length of the block. `stream` None means standard error."""
    target = stream or sys.stderr
    if quiet:
        yield events.silent
    elif target.isatty():
        screen = Console(file=target, highlight=False)
        with Live(console=screen, transient=True, refresh_per_second=4, redirect_stdout=False) as live:
            yield Terminal(live)
    else:
        yield Lines(target, clock)


class Lines:
    """Plain lines, for logs and pipes."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._last_s = float("-inf")

    def __call__(self, event: events.Event) -> None:
        """Write one event, unless it is one of many and the last line is fresh."""
        text = self._text(event)
        if text:
            print(text, file=self._stream, flush=True)

    def _text(self, event: events.Event) -> str:
        if isinstance(event, events.StepDone):
            return phrases.step(event) if self._due(first_or_last=event.step in (1, event.total_steps)) else ""
        if isinstance(event, events.Progress):
            return phrases.counted(event) if self._due(first_or_last=event.done == event.total) else ""
        return phrases.sentence(event)

    def _due(self, *, first_or_last: bool) -> bool:
        now_s = self._clock()
        if not first_or_last and now_s - self._last_s < PLAIN_EVERY_S:
            return False
        self._last_s = now_s
        return True


class Terminal:
    """One live line with a bar; what happens seldom scrolls above it."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def __call__(self, event: events.Event) -> None:
        """Show one event."""
        if isinstance(event, events.StepDone):
            self._bar(event.step, event.total_steps, phrases.step(event))
        elif isinstance(event, events.Progress):
            self._bar(event.done, event.total, phrases.counted(event))
        elif text := phrases.sentence(event):
            self._live.console.print(Text(text, style=_style(event)))
        if isinstance(event, events.StageDone | events.StageSkipped):
            self._live.update(Text())

    def _bar(self, done: int, total: int | None, text: str) -> None:
        bar = ProgressBar(total=total, completed=done, width=min(60, self._live.console.width))
        self._live.update(Group(bar, Text(text, no_wrap=True, overflow="ellipsis")))


def _style(event: events.Event) -> str:
    if isinstance(event, events.StageDone | events.StageSkipped | events.StageStarted):
        return "bold"
    return "yellow" if isinstance(event, events.CheckpointRefused) else "dim"
