"""The Protocols where neighbours meet. A part fulfils one of these; nothing else is promised between rooms.

Shapes: B rows, T tokens, V vocabulary. Ids are int32, weights and log-probabilities float32, in natural logarithms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tunewright.core.rows import Converted as Converted
from tunewright.core.rows import Details as Details
from tunewright.core.rows import Message as Message
from tunewright.core.rows import NothingLearnt as NothingLearnt
from tunewright.core.rows import RawRow as RawRow
from tunewright.core.rows import Row as Row
from tunewright.core.rows import RowProblem as RowProblem
from tunewright.core.rows import is_answered as is_answered
from tunewright.core.rows import prompt_of as prompt_of

Ids = Sequence[int]


class Embedder(Protocol):
    """Texts to vectors that lie near one another where meanings do."""

    @property
    def digest(self) -> str:
        """Digest of what decides the vectors: the weights and the tokenizer."""
        ...

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1 [B, C], in the order of the texts."""
        ...


class Detector(Protocol):
    """A model that finds things of one kind in a text, such as names of people."""

    @property
    def digest(self) -> str:
        """Digest of what decides the findings: the weights and the version of the program that uses them."""
        ...

    def places(self, text: str) -> list[tuple[int, int]]:
        """Characters [start, end) of each finding, in order. They depend on the text alone; any length will do."""
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


@runtime_checkable
class ReadsColumns(Protocol):
    """A shape that says what it reads, for the lineage of columns."""

    def reads(self) -> Mapping[str, Sequence[str]]:
        """Names of columns, by what they become of a stored row: `messages`, `label`, `tools`, `rejected`."""
        ...


@runtime_checkable
class SeveralRows(Protocol):
    """A shape that may make several examples of one row, such as one for each of its answers."""

    def convert_all(self, value: Mapping[str, Any]) -> Sequence[Converted | RowProblem]:
        """The examples of one row, or what is wrong with one in its place; at least one. Raises RowProblem."""
        ...


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
    """One encoded example: `tokens` int32 [T]; `weights` float32 [T], weights[t] for predicting token t.

    Of a prompt alone all weights are 0, and its tokens end where the assistant begins to answer. Of a preference pair
    `rejected` is the same prompt with the answer that lost; the prompt is what stands before the first weight.
    `rating`, `desirable` and `margin` are those of `Details`, None where the row has none. `beside`: what an objective
    measured before training or put there, by name.
    """

    tokens: NDArray[np.int32]
    weights: NDArray[np.float32]
    index: int = 0
    rejected: Encoded | None = None
    rating: float | None = None
    desirable: bool | None = None
    margin: float | None = None
    beside: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def length(self) -> int:
        """Tokens of all its sequences."""
        return len(self.tokens) + (len(self.rejected.tokens) if self.rejected is not None else 0)

    @property
    def trained(self) -> int:
        """Tokens with a loss weight, of all its sequences."""
        own = int((self.weights[1:] != 0).sum())
        return own + (self.rejected.trained if self.rejected is not None else 0)


@dataclass
class Term:
    """A sum over a loss term's own items, and further ones by name: the loop divides them by the whole step's count."""

    sum: Any
    coefficient: float = 1.0
    metrics: dict[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """What a model is trained for. Knows neither the method nor the loop."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics of its terms."""
        ...

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """Items of each term in these examples, known without the model: the divisors of the step."""
        ...

    def terms(self, model: Any, batch: Any) -> dict[str, Term]:
        """The terms of one micro-batch as sums, differentiable."""
        ...


class Outputs(NamedTuple):
    """What a head says: `kind` reward, classes or number; how many numbers; the labels of classes in order.

    Of a number `centre` and `spread` are what it is multiplied by and added to: number = centre + spread * output.
    """

    kind: str
    size: int
    labels: tuple[str, ...] = ()
    centre: float = 0.0
    spread: float = 1.0


@runtime_checkable
class HasOutputs(Protocol):
    """An objective that trains a head over the last token's state."""

    def outputs(self, labels: Sequence[str]) -> Outputs:
        """What the head says, by the labels of the data set."""
        ...


@runtime_checkable
class Measures(Protocol):
    """An objective that needs numbers of a fixed model for every example: measured once, before the first step."""

    @property
    def measured_by(self) -> Literal["start", "base", "teacher"]:
        """The model as it begins to train, the base without what it starts from, or a teacher of its own."""
        ...

    @property
    def measured_with(self) -> Mapping[str, Any]:
        """The options that decide what is measured; others may change and it still stands."""
        ...

    def measured(self, example: Encoded) -> Encoded:
        """What is computed of an example."""
        ...

    def measure(self, model: Any, batch: Any) -> Sequence[Mapping[str, NDArray[Any]]]:
        """Arrays by name for each example of a pack, which then stand in `Encoded.beside`. No gradients."""
        ...


@runtime_checkable
class Partnered(Protocol):
    """An objective that sees each example beside the one before it in the data set."""

    def with_partner(self, example: Encoded, partner: Encoded) -> Encoded:
        """The example with what it needs of its partner in `beside`."""
        ...


@runtime_checkable
class WholeStep(Protocol):
    """An objective whose terms need numbers over the whole step, computed without gradients before them."""

    @property
    def sums(self) -> tuple[str, ...]:
        """Names of what `prepare` gives."""
        ...

    def prepared(self, examples: Sequence[Encoded]) -> Sequence[Encoded]:
        """What is computed of the step's examples."""
        ...

    def prepare(self, model: Any, batch: Any) -> Mapping[str, float]:
        """Sums over a pack; the terms find those over the whole step in `batch.step`."""
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
