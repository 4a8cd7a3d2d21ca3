"""What happened, as typed records: every stage emits them, sinks write or show them.

A status is a fold over events, never a file that is edited. `emit` is a plain callable, so a test passes `list.append`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class Event(BaseModel):
    """Common to all events. `time_s` is seconds since 1970, given by whoever emits it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    time_s: float = 0.0


class StageStarted(Event):
    """A stage of the flow begins; `key` is what decides whether it may be skipped."""

    kind: Literal["stage_started"] = "stage_started"
    stage: str
    key: str = ""


class StageSkipped(Event):
    """A stage whose inputs did not change was not run again."""

    kind: Literal["stage_skipped"] = "stage_skipped"
    stage: str
    name: str


class StageDone(Event):
    """A stage ended well; `name` is the digest of what it made."""

    kind: Literal["stage_done"] = "stage_done"
    stage: str
    name: str
    seconds: float


class Progress(Event):
    """Work done so far in a stage that counts something: rows, bytes, prompts."""

    kind: Literal["progress"] = "progress"
    stage: str
    done: int
    total: int | None = None
    unit: str


class Note(Event):
    """One sentence for the person who watches: a choice made, a resume, a fallback."""

    kind: Literal["note"] = "note"
    text: str


class RunResolved(Event):
    """What `auto` became on this machine, before the run got its key."""

    kind: Literal["run_resolved"] = "run_resolved"
    used: dict[str, str | int | float]


class RunResumed(Event):
    """A run goes on: events with a later step than `step` were undone by the stop and count no more."""

    kind: Literal["run_resumed"] = "run_resumed"
    step: int


class StepDone(Event):
    """One optimiser step.

    `loss` is nats per trained token over the whole step; `gradient_norm` before clipping; `tokens` are real tokens
    (there is no padding), `trained_tokens` those with a loss weight; `memory_bytes` is the process's resident set.
    """

    kind: Literal["step"] = "step"
    step: int
    total_steps: int
    epoch: float
    loss: float
    learning_rate: float
    gradient_norm: float
    tokens: int
    trained_tokens: int
    seconds: float
    tokens_per_s: float
    memory_bytes: int
    left_s: float


class Validated(Event):
    """Loss on the validation rows and the objective's metrics; for token objectives nats per trained token.

    `token_accuracy`: where earlier versions wrote that metric.
    """

    kind: Literal["validated"] = "validated"
    step: int
    loss: float
    metrics: dict[str, float] = Field(default_factory=dict)
    token_accuracy: float | None = None
    tokens: int


class GuardActed(Event):
    """A step went wrong and was not taken: `action` is what the guard did, `rows` are the step's, as file:line.

    `loss` is None where it was NaN or infinite; `number` counts the decisions of the run.
    """

    kind: Literal["guard_acted"] = "guard_acted"
    step: int
    action: Literal["skip", "lower_rate"]
    why: str
    loss: float | None
    back_to: int | None = None
    number: int
    rows: tuple[str, ...]


class StoppedEarly(Event):
    """Validation gained nothing for as long as the recipe waits; `best_step` had the lowest loss."""

    kind: Literal["stopped_early"] = "stopped_early"
    step: int
    best_step: int
    best_loss: float | None


class Sampled(Event):
    """An answer of the model as it stands after `step`."""

    kind: Literal["sampled"] = "sampled"
    step: int
    prompt: str
    answer: str
    expected: str


class CheckpointSaved(Event):
    """A complete checkpoint lies on disk."""

    kind: Literal["checkpoint_saved"] = "checkpoint_saved"
    step: int
    bytes: int


class CheckpointRefused(Event):
    """A damaged checkpoint was left aside; the one before it is tried."""

    kind: Literal["checkpoint_refused"] = "checkpoint_refused"
    step: int
    why: str


AnyEvent = Annotated[
    StageStarted
    | StageSkipped
    | StageDone
    | Progress
    | Note
    | RunResolved
    | RunResumed
    | StepDone
    | Validated
    | GuardActed
    | StoppedEarly
    | Sampled
    | CheckpointSaved
    | CheckpointRefused,
    Field(discriminator="kind"),
]
UNDONE = StepDone | Validated | GuardActed | StoppedEarly | Sampled
"""What a resume from an earlier step takes back."""
Emit = Callable[[Event], None]

_ANY: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)


def silent(_event: Event) -> None:
    """The sink for callers who do not watch."""


class EventFile:
    """An append-only file of events, one JSON object a line."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path = path
        self._clock = clock
        path.parent.mkdir(parents=True, exist_ok=True)
        drop_torn_tail(path)

    def __call__(self, event: Event) -> None:
        """Append one event, stamped with the clock; flushed to the operating system at once."""
        stamped = event.model_copy(update={"time_s": self._clock()})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(stamped.model_dump_json() + "\n")

    def sync(self) -> None:
        """Make what was written last through a power cut."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())


def drop_torn_tail(path: Path) -> None:
    """Cut a last line that a kill left without its end of line."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        os.truncate(path, whole)


def read(path: Path) -> list[AnyEvent]:
    """Every complete event of a file, in order; an absent file is an empty list."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").split("\n")
    return [_ANY.validate_python(json.loads(line)) for line in lines[:-1] if line]


def standing(events: list[AnyEvent]) -> list[AnyEvent]:
    """The events that still count: steps that a resume undid are left out, in order."""
    kept: list[AnyEvent] = []
    for event in events:
        if isinstance(event, RunResumed):
            kept = [old for old in kept if not isinstance(old, UNDONE) or old.step <= event.step]
        kept.append(event)
    return kept
