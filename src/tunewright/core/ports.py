"""The Protocols where neighbours meet. A part fulfils one of these; nothing else is promised between rooms.

Shapes: B rows, T tokens, V vocabulary. Ids are int32, weights and log-probabilities float32, in natural logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

Ids = Sequence[int]


class Message(TypedDict, total=False):
    """One turn. `weight` is the loss weight of an assistant turn (absent = 1).

    `tool_calls`, `tool_call_id`, `name` and `reasoning_content` as Transformers' chat templates know them; the
    arguments of a call are a mapping, not text. The role `document` marks plain text: the row's only turn, written
    without a template.
    """

    role: str
    content: str
    weight: float
    reasoning_content: str
    tool_calls: list[dict[str, Any]]
    tool_call_id: str
    name: str


class Details(TypedDict, total=False):
    """What a suite or a scorer needs of an example beside its turns and label; absent where it means nothing.

    `columns`: columns that the recipe keeps (`data.keep`), by name, for groups and slices. `family`: examples that
    depend on one another (one prompt in several wordings), so that statistics count them as one. `mark`: what made the
    example where it was not a user (`canary`). `references`: further right answers. `choices`: answers to choose from;
    the label is one of them. `context`: the source that an answer must keep to. `schema`: the JSON schema of an answer.
    `rules`: instruction rules, each `{"rule": name, ...its keys}`. `attribute`: what a pair of minimal sentences
    differs in, or the group that it is about. `harmful`: True when the request should be refused, False when it only
    looks so. `variant` and `original`: how and from which row an example was changed. `log_probabilities`: those of the
    row's answer, token by token, under the base model that wrote it. `weight`: what a row's loss is multiplied by,
    absent = 1. `changes`: reasons for which steps changed a row, in order, and `before`: its id before the first.
    """

    columns: dict[str, str]
    family: str
    mark: str
    references: list[str]
    choices: list[str]
    context: str
    schema: dict[str, Any]
    rules: list[dict[str, Any]]
    attribute: str
    harmful: bool
    variant: str
    original: str
    log_probabilities: list[float]
    weight: float
    changes: list[str]
    before: str


class Converted(NamedTuple):
    """What a shape makes of a row: turns, a label where there is one, and the JSON schemas of tools it may call.

    `rejected`: of a preference pair the turns that lost, in place of the answer (the last turn of `messages`).
    """

    messages: tuple[Message, ...]
    label: str | None = None
    tools: tuple[dict[str, Any], ...] = ()
    rejected: tuple[Message, ...] = ()
    details: Details = Details()


class RawRow(NamedTuple):
    """One row as a source found it: `value` is what was parsed, or None with the `problem` in words."""

    line: int
    value: dict[str, Any] | None
    problem: str = ""
    raw: str = ""


@dataclass(frozen=True)
class Row:
    """One example in the one internal form: turns, the last of them the answer, and a label where there is one.

    `id` is a digest of the content: equal rows have equal ids. `tools` are JSON schemas of functions it may call.
    Of a preference pair `messages` end with the answer that won, `rejected` are the turns that lost, after the same
    prompt.
    """

    id: str
    messages: tuple[Message, ...]
    label: str | None = None
    source: str = ""
    line: int = 0
    tools: tuple[dict[str, Any], ...] = ()
    rejected: tuple[Message, ...] = ()
    details: Details = field(default_factory=Details)

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the answer."""
        return self.messages[:-1]

    @property
    def target(self) -> str:
        """The answer in the data."""
        return self.messages[-1].get("content", "")


class Embedder(Protocol):
    """Texts to vectors that lie near one another where meanings do."""

    @property
    def digest(self) -> str:
        """Digest of what decides the vectors: the weights and the tokenizer."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1 [B, C], in the order of the texts."""
        ...


class Source(Protocol):
    """A file format. Streams; memory does not grow with the file."""

    def read(self, path: Path) -> Iterator[RawRow]:
        """Rows in file order, bad ones with their problem; never raises for content."""
        ...


class Shape(Protocol):
    """A form that users keep rows in."""

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """True when a row with these columns is of this shape, for detection."""
        ...

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """Turns, label and tools of one row. Raises `RowProblem` with the reason when the row cannot be used."""
        ...


class RowProblem(Exception):
    """One row cannot be used; `reason` is a short stable name that is counted, `detail` is for who mends it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


Phase = Literal["before_split", "split", "training_rows"]
Fate = Literal["duplicate", "dropped"]


class Gone(NamedTuple):
    """A row that a step took out. `of`: id of the row that stays in its place, where there is one."""

    row: Row
    split: str
    fate: Fate
    reason: str
    of: str = ""


class Changed(NamedTuple):
    """A row before and after a change, with the reason."""

    before: Row
    after: Row
    reason: str


class StepResult(NamedTuple):
    """What a step did to the rows of all splits: rows by split, those that are gone, how many were created and why.

    `changed` names every row that stays and is another now; one that was changed for two reasons stands there twice.
    `report`: what the step found, for people, as JSON; it lies in the data set's folder as `report-<step>.json`.
    """

    rows: dict[str, list[Row]]
    gone: list[Gone]
    created: dict[str, int]
    changed: Sequence[Changed] = ()
    report: Mapping[str, Any] | None = None


class Step(Protocol):
    """A data step. `phase` says where it may stand; a wrong order is an error.

    Steps that look at each row alone are written as `data.step.BatchStep`, those with a costly look at each row and a
    decision over all of them as `data.step.GlobalStep`: both run on several processes.
    """

    phase: Phase

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Rows by split in, rows by split out; every drop, change and creation carries a reason."""
        ...


@dataclass(frozen=True)
class Encoded:
    """One encoded example: `tokens` int32 [T]; `weights` float32 [T], weights[t] for predicting token t."""

    tokens: NDArray[np.int32]
    weights: NDArray[np.float32]
    index: int = 0


@dataclass
class Term:
    """One term of a loss: a sum over its own items; the loop divides it by the count over the whole step."""

    sum: Any
    coefficient: float = 1.0
    metrics: dict[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """What a model is trained for. Knows neither the method nor the loop."""

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """Items of each term in these examples, known without the model: the divisors of the step."""
        ...

    def terms(self, model: Any, batch: Any) -> dict[str, Term]:
        """The terms of one micro-batch as sums, differentiable."""
        ...


class Method(Protocol):
    """How a model is trained: what is added and what trains.

    `adapts`: the base stays as it is, and can be had by switching the adapter off; `learning_rate`: what `auto` means.
    """

    adapts: bool
    learning_rate: float

    def attach(self, model: Any, *, seed: int) -> Any:
        """The model with the trainable weights of this method, others frozen; random starts depend on `seed` alone.

        Raises UserError when the method cannot train this model, with the reason.
        """
        ...

    def trainable(self, model: Any) -> dict[str, Any]:
        """Name to parameter of what trains, names as they are saved."""
        ...

    def rates(self, model: Any) -> dict[str, float]:
        """Multipliers of the learning rate by trainable name; names that are absent have 1."""
        ...

    def content(self, model: Any, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Every tensor that `save` writes, by name; `weights` are the float32 masters by trainable name."""
        ...

    def save(self, model: Any, weights: Mapping[str, Any], folder: Path) -> None:
        """Write a folder that plain PEFT or Transformers loads."""
        ...

    def read(self, folder: Path) -> dict[str, Any]:
        """The inverse of `save`: float32 masters by trainable name, for going on."""
        ...

    def load(self, model: Any, folder: Path) -> Any:
        """The model with saved weights attached, for use."""
        ...


class Schedule(Protocol):
    """The course of the learning rate."""

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate in [0, 1] for the update after which `step` (from 1) steps are done."""
        ...


class Optimiser(Protocol):
    """Makes a torch optimiser over float32 parameters.

    `learning_rate_factor`: what `auto` multiplies the method's rate by; `schedule`: what `schedule: auto` means here;
    `state_bytes`: bytes of state a trained weight, for the disk budget.
    """

    learning_rate_factor: float
    schedule: str
    state_bytes: float

    def build(self, parameters: Mapping[str, Any], *, learning_rate: float, rates: Mapping[str, float]) -> Any:
        """An object with `step`, `param_groups`, `state_dict` and `load_state_dict`, over named float32 parameters.

        Every group has the key `factor`, the multiplier of the rate of its parameters (`rates` by name, absent = 1).
        One whose weights for use differ from those that train has `train()` and `eval()`, which switch in place.
        """
        ...


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told when a run begins: `key` is the same when it goes on; `folder` is the run's own."""

    name: str
    key: str
    folder: Path
    options: dict[str, Any]
    used: dict[str, Any]


@dataclass(frozen=True)
class Measured:
    """Numbers of one step, by name such as `loss` or `validation_loss`. `time_s` is seconds since 1970."""

    step: int
    time_s: float
    values: dict[str, float]


class Tracker(Protocol):
    """Shows a run elsewhere. May raise anything: the caller keeps what was not delivered and tries again."""

    def open(self, run: TrackedRun) -> None:
        """Begin, or go on with, the record of a run; the same key continues the same record."""
        ...

    def send(self, numbers: Sequence[Measured]) -> None:
        """Deliver numbers, oldest first; sending the same ones twice must not count twice where the tool allows it."""
        ...

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        """End the record. `results` are the final numbers."""
        ...


class Chat(Protocol):
    """A tokenizer with its chat template (room `text`).

    `stop_ids` end an answer when a model writes one of them. `turn_end`: the one that the template itself writes behind
    an answer, which is what was trained; the end of a text where it writes none, empty where the model has neither.
    """

    digest: str
    stop_ids: frozenset[int]
    turn_end: tuple[int, ...]

    def prompt_ids(self, messages: Sequence[Message], *, tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """Tokens of a conversation up to where the assistant begins to answer."""
        ...

    def decode(self, ids: Ids) -> str:
        """Text of tokens, special ones left out."""
        ...

    def encode_text(self, text: str) -> list[int]:
        """Tokens of plain text, nothing added."""
        ...
