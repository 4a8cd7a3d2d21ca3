"""Runs to be tracked, with event files written as training writes them, and trackers that keep what they get."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tunewright.app.delivery import Pace
from tunewright.core.events import EventFile, StepDone, Validated
from tunewright.core.ports import Measured, TrackedRun

SOON = Pace(every_s=0.0, first_s=0.02, most_s=0.1, slow_s=0.2, quiet_s=0.5, end_s=3.0)


def step(number: int, loss: float = 0.5) -> StepDone:
    return StepDone(
        step=number,
        total_steps=100,
        epoch=0.1,
        loss=loss,
        learning_rate=1e-3,
        gradient_norm=1.0,
        tokens=10,
        trained_tokens=5,
        seconds=0.1,
        tokens_per_s=100.0,
        memory_bytes=1,
        left_s=1.0,
    )


def validated(number: int, loss: float = 0.75) -> Validated:
    return Validated(step=number, loss=loss, metrics={"token_accuracy": 0.5}, tokens=5)


def run_in(folder: Path, *trackers: str) -> TrackedRun:
    options = {"name": "told", "output": {"trackers": [{"type": name} for name in trackers]}}
    return TrackedRun("told", "a" * 64, folder / "runs" / ("a" * 12), options, {"threads": 1})


def event_file(run: TrackedRun) -> EventFile:
    return EventFile(run.folder / "events.jsonl", time.time)


@dataclass
class Keeps:
    """A tool with one record a run, in which a step that comes again replaces the old one and what came after."""

    down: bool = False
    opened: int = 0
    rows: dict[tuple[int, str], float] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    status: str = "open"
    results: dict[str, float] = field(default_factory=dict)

    def open(self, run: TrackedRun) -> None:
        self._answer()
        self.opened += 1
        self.status = "open"

    def send(self, numbers: Sequence[Measured]) -> None:
        for each in numbers:
            self._answer()
            if any(at >= each.step and name in each.values for at, name in self.rows):
                self.rows = {key: value for key, value in self.rows.items() if key[0] < each.step}
            self.rows |= {(each.step, name): value for name, value in each.values.items()}
            self.sent.append(each.step)

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        self._answer()
        self.status, self.results = status, dict(results)

    def losses(self) -> dict[int, float]:
        return {at: value for (at, name), value in sorted(self.rows.items()) if name == "loss"}

    def _answer(self) -> None:
        if self.down:
            raise ConnectionError("nobody answers")


@dataclass
class Breaks(Keeps):
    """Raises at the calls that are named, in the middle of what it was given."""

    at: frozenset[int] = frozenset()
    calls: int = 0

    def _answer(self) -> None:
        self.calls += 1
        if self.calls in self.at:
            raise OSError(f"call {self.calls} fails")


@dataclass
class Hangs(Keeps):
    """Never comes back from its first delivery until it is let go."""

    go: threading.Event = field(default_factory=threading.Event)

    def send(self, numbers: Sequence[Measured]) -> None:
        self.go.wait(60)
        super().send(numbers)
