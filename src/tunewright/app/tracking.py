"""Trackers beside a run: they see its numbers, and nothing that they do or fail to do reaches the run.

A tracker may be slow, raise, or hang. What it did not get stays owed, and is delivered when the run ends, goes on, or
when `tunewright track` asks for it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunewright.app.delivery import (
    EVENTS,
    FOLDER,
    Courier,
    Delivered,
    Delivery,
    Pace,
    Status,
    options_digest,
    progress_file,
)
from tunewright.core import digest, events
from tunewright.core.errors import Stopped, UserError
from tunewright.core.events import Emit, Event, Note, StepDone, Validated
from tunewright.core.nouns import Run
from tunewright.core.ports import TrackedRun, Tracker
from tunewright.core.workspace import Workspace, lock, write_json
from tunewright.recipe.recipe import Recipe

PATIENT = Pace(end_s=float("inf"))
"""For who asks for a delivery by name: as long as there is progress."""
SECRET = ("KEY", "TOKEN", "PASSWORD", "SECRET")
SHOWN = 200
RESULTS = ("loss", "validation_loss", "steps", "tokens", "tokens_per_s", "train_s", "peak_memory_bytes")


def run_to_track(
    recipe: Recipe, *, key: str, workspace: Workspace, used: Mapping[str, Any], dataset: str
) -> TrackedRun:
    """What trackers are told of a run. `dataset` is the name of its data set."""
    return TrackedRun(
        name=recipe.name,
        key=key,
        folder=workspace.runs / digest.short(key),
        options=recipe.model_dump(mode="json"),
        used={**used, "dataset": dataset},
    )


@contextmanager
def tracked(
    trackers: Mapping[str, Tracker], run: TrackedRun, *, emit: Emit, pace: Pace | None = None
) -> Iterator[Emit]:
    """Give the block a sink for its events that also wakes the trackers; `emit` is told what became of them.

    Numbers are taken from the run's event file, which the block writes before it calls the sink. Raises UserError when
    another process tracks the same run.
    """
    if not trackers:
        yield emit
        return
    with lock(run.folder / FOLDER / "lock", purpose="track"):
        _remember(run)
        post = Post(trackers, run, emit=emit, pace=pace or Pace())
        try:
            yield post.tell
        except BaseException as error:
            post.break_off(_status(error))
            raise
        post.end("done", results=final_numbers(run.folder))


def deliver(trackers: Mapping[str, Tracker], run: TrackedRun, *, emit: Emit, pace: Pace = PATIENT) -> list[Delivered]:
    """Deliver what trackers are owed of a run that is not going on; those that have everything are not called.

    Raises UserError while another process trains or tracks the run.
    """
    done = (run.folder / "run.json").exists()
    owed = {name: tracker for name, tracker in trackers.items() if not (done and has_all(run, name))}
    total = len(_steps(run.folder))
    kept = [Delivered(name, total, total, ended=True) for name in trackers if name not in owed]
    if not owed:
        return kept
    with lock(run.folder / "lock", purpose="track"), lock(run.folder / FOLDER / "lock", purpose="track"):
        post = Post(owed, run, emit=emit, pace=pace)
        status: Status = "done" if done else "stopped"
        return kept + post.end(status, results=final_numbers(run.folder) if done else {})


def has_all(run: TrackedRun, name: str) -> bool:
    """True when a tracker, with the options that it has now, was given every step and the end of a run."""
    path = progress_file(run, name)
    if not path.exists():
        return False
    noted = json.loads(path.read_text(encoding="utf-8"))
    same = noted["options"] == options_digest(run, name)
    return same and noted["status"] == "done" and noted["steps"] == len(_steps(run.folder))


class Post:
    """One courier a tracker, and what is told of them. All but the couriers' work happens in the caller's thread."""

    def __init__(
        self,
        trackers: Mapping[str, Tracker],
        run: TrackedRun,
        *,
        emit: Emit,
        pace: Pace,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._emit = emit
        self._pace = pace
        self._clock = clock
        self._told: set[str] = set()
        self._began = False
        self._couriers = [Courier(Delivery(name, each, run=run), pace) for name, each in trackers.items()]
        for courier in self._couriers:
            courier.start()

    def tell(self, event: Event) -> None:
        """Pass an event on; numbers wake the couriers."""
        self._emit(event)
        if isinstance(event, StepDone | Validated):
            self._began = True
            for courier in self._couriers:
                courier.wake()
        self._tell_first_failures()

    def break_off(self, status: Status) -> None:
        """The run ends before its time; one that did no step is not shown anywhere."""
        if self._began:
            self.end(status, results={})
        for courier in self._couriers:
            courier.leave()

    def end(self, status: Status, *, results: Mapping[str, float]) -> list[Delivered]:
        """Wait, within bounds, until everything is delivered; say what is not."""
        for courier in self._couriers:
            courier.finish(status, results)
        began_s = self._clock()
        for courier in self._couriers:
            self._wait_for(courier, until_s=began_s + self._pace.end_s)
        reports = [self._report(courier) for courier in self._couriers]
        self._emit(Note(text=summary(reports, self._run)))
        return reports

    def _wait_for(self, courier: Courier, *, until_s: float) -> None:
        seen, since_s = courier.delivery.delivered, self._clock()
        while not courier.wait(0.05):
            now_s = self._clock()
            if courier.delivery.delivered != seen:
                seen, since_s = courier.delivery.delivered, now_s
            if now_s - since_s > self._pace.quiet_s or now_s > until_s:
                courier.leave()
                return

    def _tell_first_failures(self) -> None:
        for courier in self._couriers:
            name, busy_s = courier.delivery.name, courier.busy_since_s
            slow = busy_s is not None and self._clock() - busy_s > self._pace.slow_s
            if name in self._told or not (slow or courier.failures):
                continue
            self._told.add(name)
            why = f"fails ({words(courier.failure)})" if courier.failures else "does not answer"
            self._emit(Note(text=f"tracker {name} {why}; the run goes on, and what it was not given is sent later."))

    def _report(self, courier: Courier) -> Delivered:
        delivery = courier.delivery
        why = words(courier.failure) if courier.failure else "" if delivery.ended else "no answer in time"
        total = len(_steps(self._run.folder))
        return Delivered(delivery.name, delivery.delivered, total, delivery.ended, why)


def summary(reports: Sequence[Delivered], run: TrackedRun) -> str:
    """One sentence about all trackers of a run."""
    said = ", ".join(
        f"{each.tracker} has {each.steps} of {each.of} steps" + (f" ({each.why})" if each.why else "")
        for each in reports
    )
    if all(each.complete for each in reports):
        return f"trackers: {said}."
    return f"trackers: {said}. Nothing is lost; send the rest with: tunewright track {run.folder}"


def words(error: BaseException | None) -> str:
    """An error on one line, cut; values of variables that hold secrets are left out of it."""
    if error is None:
        return "an error that has passed"
    text = f"{type(error).__name__}: {error}".split("\n", 1)[0]
    for name, value in os.environ.items():
        if len(value) > 3 and any(word in name.upper() for word in SECRET):
            text = text.replace(value, "***")
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def final_numbers(folder: Path) -> dict[str, float]:
    """The numbers of a finished run, from its record."""
    path = folder / "run.json"
    if not path.exists():
        return {}
    record = Run.model_validate_json(path.read_text(encoding="utf-8")).model_dump()
    return {name: float(record[name]) for name in RESULTS if record[name] is not None}


def stored_run(folder: Path) -> TrackedRun:
    """The run that was tracked in a folder. Raises UserError when none was."""
    path = folder / FOLDER / "run.json"
    if not path.exists():
        raise UserError(
            "nothing was tracked here.", where=str(folder), do="Give a recipe, or the folder of a run with trackers."
        )
    return TrackedRun(folder=folder, **json.loads(path.read_text(encoding="utf-8")))


def _remember(run: TrackedRun) -> None:
    content = {"name": run.name, "key": run.key, "options": run.options, "used": run.used}
    write_json(run.folder / FOLDER / "run.json", content)


def _steps(folder: Path) -> list[StepDone]:
    standing = events.standing(events.read(folder / EVENTS))
    return [event for event in standing if isinstance(event, StepDone)]


def _status(error: BaseException) -> Status:
    return "stopped" if isinstance(error, Stopped | KeyboardInterrupt) else "failed"
