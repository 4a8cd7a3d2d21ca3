"""Bringing a run's numbers to one tracker: what is owed is read from the event file, and a failure is tried again.

The event file is the queue. It holds everything, so a tracker that is slow, broken or gone costs no memory and loses
nothing, and whoever begins anew reads from its start.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from pydantic import TypeAdapter

from tunewright.core import digest
from tunewright.core.events import AnyEvent, RunResumed, StepDone, Validated
from tunewright.core.ports import Measured, TrackedRun, Tracker
from tunewright.core.workspace import write_json

Status = Literal["done", "stopped", "failed"]
FOLDER = "trackers"
EVENTS = "events.jsonl"
READ = ("step", "validated", "run_resumed")
BATCH = 500
"""Steps a delivery: with a dozen numbers each a few requests, and seconds at most before progress is seen."""
_EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


@dataclass(frozen=True)
class Pace:
    """How patient deliveries are, in seconds.

    `every`: numbers are gathered so long; `first`, `most`: pause after a failure, doubled up to the longest; `slow`:
    a call that takes longer is told; `quiet`, `end`: the end of a run waits so long without progress, and altogether.
    """

    every_s: float = 1.0
    first_s: float = 1.0
    most_s: float = 30.0
    slow_s: float = 60.0
    quiet_s: float = 10.0
    end_s: float = 60.0


@dataclass(frozen=True)
class Delivered:
    """How far a tracker came: steps that it has, of those that stand, and whether its record was ended."""

    tracker: str
    steps: int
    of: int
    ended: bool
    why: str = ""

    @property
    def complete(self) -> bool:
        """True when nothing is owed."""
        return self.ended and self.steps == self.of


def measured(event: StepDone | Validated) -> Measured:
    """The numbers of an event that trackers show; those of the validation begin with `validation_`."""
    if isinstance(event, Validated):
        values = {"validation_loss": event.loss} | {f"validation_{name}": each for name, each in event.metrics.items()}
        return Measured(event.step, event.time_s, values)
    values = event.model_dump(exclude={"kind", "time_s", "step", "total_steps", "left_s"})
    return Measured(event.step, event.time_s, {name: float(value) for name, value in values.items()})


class Tail:
    """Reads an event file from where the last reading ended; an unfinished line is left for later."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def read(self) -> list[AnyEvent]:
        """New events that concern trackers."""
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        whole = new[: new.rfind(b"\n") + 1]
        self._offset += len(whole)
        values = [json.loads(line) for line in whole.splitlines() if line]
        return [_EVENT.validate_python(value) for value in values if value["kind"] in READ]


class Delivery:
    """What one tracker has of a run, and what it is owed. Every method may raise what the tracker raises."""

    def __init__(self, name: str, tracker: Tracker, *, run: TrackedRun) -> None:
        self.name = name
        self.ended = False
        self._tracker = tracker
        self._run = run
        self._tail = Tail(run.folder / EVENTS)
        self._open = False
        self._waiting: list[Measured] = []
        self._steps: set[int] = set()
        self._has: set[int] = set()

    @property
    def delivered(self) -> int:
        """Steps that the tracker has, of those that stand."""
        return len(self._has)

    @property
    def due(self) -> int:
        """Steps that stand."""
        return len(self._steps)

    def advance(self) -> None:
        """Open the tracker where that is still to be done, and deliver what is waiting."""
        if not self._open:
            self._tracker.open(self._run)
            self._open = True
        self._take_in()
        while self._waiting:
            part = self._waiting[:BATCH]
            self._tracker.send(part)
            del self._waiting[:BATCH]
            self._has |= {each.step for each in part if "loss" in each.values}
            self._note("open")

    def end(self, status: Status, results: Mapping[str, float]) -> None:
        """Deliver the rest and end the record."""
        self.advance()
        self._tracker.close(status=status, results=results)
        self._note(status)
        self.ended = True

    def _take_in(self) -> None:
        for event in self._tail.read():
            if isinstance(event, RunResumed):
                self._go_back(event.step)
            elif isinstance(event, StepDone | Validated):
                self._waiting.append(measured(event))
                self._steps |= {event.step} if isinstance(event, StepDone) else set()

    def _go_back(self, step: int) -> None:
        """A resume: later steps count no more. What the tracker has of them is replaced when they come again."""
        self._waiting = [each for each in self._waiting if each.step <= step]
        self._steps = {each for each in self._steps if each <= step}
        self._has = {each for each in self._has if each <= step}

    def _note(self, status: str) -> None:
        content = {"steps": self.delivered, "last_step": max(self._has, default=0), "status": status}
        write_json(progress_file(self._run, self.name), content | {"options": options_digest(self._run, self.name)})


def progress_file(run: TrackedRun, name: str) -> Path:
    """Where it stands how far a tracker is."""
    return run.folder / FOLDER / f"{name}.json"


def options_digest(run: TrackedRun, name: str) -> str:
    """Digest of a tracker's options in the run's recipe: another server is owed everything."""
    asked: list[dict[str, Any]] = run.options.get("output", {}).get("trackers", [])
    return digest.of_json([each for each in asked if each.get("type") == name])


class Caught:
    """A block whose error ends the block and is kept: what a tracker raises is no error of the run."""

    error: BaseException | None = None

    def __enter__(self) -> Caught:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        self.error = error
        return True


@dataclass
class Courier:
    """A thread that makes the deliveries of one tracker. Nobody waits for it but `Post.end`, and that not for ever."""

    delivery: Delivery
    pace: Pace
    failure: BaseException | None = None
    failures: int = 0
    busy_since_s: float | None = None
    left: bool = False
    _ending: tuple[Status, Mapping[str, float]] | None = None
    _news: threading.Event = field(default_factory=threading.Event)
    _end: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Begin to wait for news. A daemon: a hanging tracker does not keep the process."""
        self._thread = threading.Thread(target=self._work, name=f"tracker {self.delivery.name}", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There are new numbers in the event file."""
        self._news.set()

    def finish(self, status: Status, results: Mapping[str, float]) -> None:
        """There will be no more numbers."""
        self._ending = (status, results)
        self._end.set()
        self._news.set()

    def leave(self) -> None:
        """Nobody waits any more: stop after what is being done now."""
        self.left = True
        self._end.set()
        self._news.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end of the work; False when it is not reached in time."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _work(self) -> None:
        pause_s = 0.0
        while not (self.delivery.ended or self.left):
            if not pause_s:
                self._news.wait()
                self._end.wait(self.pace.every_s)
                self._news.clear()
            if self.left or self._attempt():
                pause_s = 0.0
                continue
            pause_s = min(max(2 * pause_s, self.pace.first_s), self.pace.most_s)
            self._rest(pause_s)

    def _attempt(self) -> bool:
        ending = self._ending
        self.busy_since_s = time.monotonic()
        with Caught() as caught:
            if ending:
                self.delivery.end(*ending)
            else:
                self.delivery.advance()
        self.busy_since_s = None
        self.failure = caught.error
        self.failures += caught.error is not None
        return caught.error is None

    def _rest(self, seconds: float) -> None:
        """Pause after a failure; the end of the run is a reason to try once more soon."""
        if self._end.is_set():
            time.sleep(min(seconds, self.pace.first_s))
        else:
            self._end.wait(seconds)
