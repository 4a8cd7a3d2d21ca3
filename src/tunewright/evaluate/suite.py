"""The Suite contract, and the bench that a suite works at: rows, labels, prompts, and whoever answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat, Encoded, Ids, Message, Outputs, Row
from tunewright.evaluate.prompts import Prompts, Style
from tunewright.evaluate.rows import FixedRows, Rows


@dataclass(frozen=True)
class Sample:
    """Some rows of a split, in order."""

    split: Rows
    indices: tuple[int, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.indices)

    def rows(self) -> list[Row]:
        """The rows."""
        return [self.split.row(index) for index in self.indices]

    def encoded(self) -> list[Encoded]:
        """The rows as they are trained on."""
        return [self.split.encoded(index) for index in self.indices]


def sample_of(rows: Sequence[Row]) -> Sample:
    """Rows of a suite's own, as a sample; they have no encoding."""
    return Sample(FixedRows(tuple(rows)), tuple(range(len(rows))))


class NotMeasured(Exception):
    """A suite cannot measure this model or these rows; the text is a sentence for the report, never skipped."""


@dataclass(frozen=True)
class Talk:
    """A conversation up to where the assistant answers, and the JSON schemas of tools that it may call."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, object], ...] = ()


@dataclass(frozen=True)
class Written:
    """An answer as text; tokens and their log-probabilities where the model is here, seconds where measured alone."""

    text: str
    finish: str
    tokens: tuple[int, ...] = ()
    log_probabilities: tuple[float, ...] = ()
    seconds: float | None = None
    first_token_s: float | None = None


class Respondent(Protocol):
    """A model as suites ask it.

    `name` is what people call it. `chat` is its tokenizer and template, None where the model is far away: then it
    writes answers, and `score` raises NotMeasured. `identity` decides whether answers that were kept are its own.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def identity(self) -> str:
        """What kept answers are filed under."""
        ...

    @property
    def chat(self) -> Chat | None:
        """Its tokenizer and template, or None."""
        ...

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """One answer a conversation, in order."""
        ...

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """The same, greedy and one at a time, with their times."""
        ...

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """For each item, one result a continuation, in order. Raises NotMeasured for a model that is far away."""
        ...


@runtime_checkable
class Reads(Protocol):
    """A respondent that may have a head, which says numbers of texts."""

    @property
    def head(self) -> Callable[[], Any] | None:
        """What gives the head; None where the model has none."""
        ...

    def outputs(self, rows: Sequence[Ids]) -> tuple[Outputs, NDArray[np.float32]]:
        """What the head says and its numbers, [N, O], in order. Raises NotMeasured for a model without a head."""
        ...


@dataclass(frozen=True)
class Bench:
    """What every suite works with.

    `label_tokens`: for each label in `labels` its tokens and the stop token, as the template writes an answer;
    `chat_digest`: the template that these and the encoded rows were made with. `max_new_tokens`: longest generated
    answer. `measured`: the rows of the recipe's split, None without a dataset; `train`: its training rows. `base`: the
    base model, which a suite may ask while it makes its examples. `folder`: what a suite's paths are relative to.
    `archive`: the folder of a fetched archive by name; raises NotMeasured with the command that fetches it.
    `harness`: a part of that kind by name; `data_parts`: sources and shapes that read a file of the user's.
    """

    labels: tuple[str, ...] = ()
    label_tokens: tuple[tuple[int, ...], ...] = ()
    chat_digest: str = ""
    prompts: Prompts = field(default_factory=Prompts)
    max_new_tokens: int = 128
    measured: Sample | None = None
    train: Rows | None = None
    base: Respondent | None = None
    seed: int = 0
    folder: Path = Path()
    archive: Callable[[str], Path] = field(default=lambda name: _no_archives(name))
    harness: Callable[[str], Any] = field(default=lambda name: _no_harness(name))
    data_parts: Callable[[Any], Any] | None = None


def _no_archives(name: str) -> Path:
    raise NotMeasured(f"the archive {name} is not here; fetch it with: tunewright suites fetch {name}")


def _no_harness(name: str) -> Any:
    raise NotMeasured(f"nothing here runs the harness {name}")


@runtime_checkable
class Reading(Protocol):
    """A suite whose rows lie in files that may change."""

    def inputs(self, bench: Bench) -> list[str]:
        """Digests of these files: with the options they decide whether this was measured before."""
        ...


@runtime_checkable
class Writes(Protocol):
    """A suite whose model writes answers to rows of the recipe's dataset.

    In each of `written_ways`, `answer` asks `write` once, one conversation a row of the sample and in its order.
    """

    written_ways: tuple[str, ...]


class Suite(Protocol):
    """A way, or several, of asking a model about rows. Loads no model and scores nothing itself.

    `ways` are the names under which results appear; `scorers` the metrics, the first of them the main one: on it the
    base's best prompt is chosen. `predicts_labels` asks for a confusion matrix. `own`: True for a suite that brings its
    own examples, False for one that measures rows of the recipe's dataset. `options` are those of the recipe.

    A suite whose ways have different metrics also has `way_scorers`, metrics by way, which win over `scorers`; one of
    which some rows may not count has `left_out` (see `Choosy`); one that has something to say about its rows or answers
    has `notes`, sentences for those who watch; and one that asks no model has `asks` = False.
    """

    options: Any
    name: str
    ways: tuple[str, ...]
    scorers: tuple[str, ...]
    predicts_labels: bool
    own: bool

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """The prompts among those offered that mean something here; at least "bare"."""
        ...

    def fits(self, row: Row) -> bool:
        """True when the row can be measured by this suite."""
        ...

    def examples(self, bench: Bench) -> Sample:
        """The rows to measure, the same for every model. Raises NotMeasured with the reason where there are none."""
        ...

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """The model's answers, one a row of the sample, in order. Raises NotMeasured where this model cannot be."""
        ...


class PlainSuite:
    """What most suites have in common: the prompt as it is, every row, metrics from the options, no labels."""

    predicts_labels = False
    asks = True

    def __init__(self, options: Any) -> None:
        self.options = options
        self.scorers: tuple[str, ...] = options.scorers

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """Only the prompt as it is."""
        return ("bare",)

    def fits(self, row: Row) -> bool:
        """Every row."""
        return True


@runtime_checkable
class Choosy(Protocol):
    """A suite that leaves rows out once it has seen how the base model answers them."""

    def left_out(self, way: str, base: Sequence[AnsweredRow]) -> tuple[list[bool], dict[str, str]]:
        """Of each row whether it counts, and by name why some parts do not, each a sentence for the report."""
        ...


@runtime_checkable
class OfHead(Protocol):
    """A suite that measures what a head says: `kind` is classes, number or reward, `of` what the recipe says."""

    kind: str
    reads_heads: bool


def scorers_of(suite: Suite, way: str) -> tuple[str, ...]:
    """The metrics of one way, the main one first."""
    return getattr(suite, "way_scorers", {}).get(way, suite.scorers)


class Fitting(Protocol):
    """What says which rows it can measure."""

    def fits(self, row: Row) -> bool:
        """True when the row can be measured."""
        ...


def measured_rows(suite: Fitting, bench: Bench, *, otherwise: str = "no row can be measured by this suite") -> Sample:
    """The rows of the recipe's split that fit a suite. Raises NotMeasured where there is none: `otherwise` says why."""
    if bench.measured is None:
        raise NotMeasured("this suite measures rows of a dataset, and there is none; give a recipe or a run")
    rows = bench.measured
    kept = tuple(index for index in rows.indices if suite.fits(rows.split.row(index)))
    if not kept:
        raise NotMeasured(otherwise)
    return Sample(rows.split, kept)
