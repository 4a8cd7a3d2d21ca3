"""The Suite contract, and the bench that a suite works at: rows, labels, prompts and the chat template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tunewright.core.language_model import AskedModel
from tunewright.core.ports import AnsweredRow, Chat, Encoded, Row
from tunewright.evaluate.prompts import Prompts, Style


class Rows(Protocol):
    """Rows of one split with their encoding: what evaluation reads of `data.dataset.Split`."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def row(self, index: int) -> Row:
        """One row as people see it."""
        ...

    def encoded(self, index: int) -> Encoded:
        """The same row as the model is trained on it."""
        ...


class Splits(Protocol):
    """What evaluation reads of `data.dataset.Dataset`."""

    def split(self, name: str) -> Rows:
        """The rows of "train", "validation" or "test"."""
        ...


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


@dataclass(frozen=True)
class Bench:
    """What every suite works with.

    `label_tokens`: for each label in `labels` its tokens and the stop token, as the template writes an answer.
    `max_new_tokens`: longest generated answer.
    """

    chat: Chat
    labels: tuple[str, ...]
    label_tokens: tuple[tuple[int, ...], ...]
    prompts: Prompts
    max_new_tokens: int


class Suite(Protocol):
    """A way, or several, of asking a model about rows. Loads no model and scores nothing itself.

    `ways` are the names under which results appear; `scorers` the metrics, the first of them the main one: on it the
    base's best prompt is chosen. `predicts_labels` asks for a confusion matrix.
    """

    name: str
    ways: tuple[str, ...]
    scorers: tuple[str, ...]
    predicts_labels: bool

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """The prompts among those offered that mean something here; at least "bare"."""
        ...

    def fits(self, row: Row) -> bool:
        """True when the row can be measured by this suite."""
        ...

    def answer(self, way: str, model: AskedModel, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """The model's answers, one a row of the sample, in order."""
        ...
