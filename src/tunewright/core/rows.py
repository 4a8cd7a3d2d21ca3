"""Rows as they travel: as a source found them, as a shape made them, and as one example in the one internal form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypedDict

ANSWERS = ("assistant", "document")
"""Roles of a turn that a model learns to write."""


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
    `rating`: what people or a model said of the answer, on the scale of the data; `desirable`: whether that counts as
    good. Of a preference pair `margin` is by how much the answer won, and `scores` are those of winner and loser.
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
    rating: float
    desirable: bool
    margin: float
    scores: list[float]


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


class RowProblem(Exception):
    """One row cannot be used; `reason` is a short stable name that is counted, `detail` is for who mends it."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail


class NothingLearnt(RowProblem):
    """A row without a fault that has nothing to say to the objective, such as a tie: counted as dropped."""


@dataclass(frozen=True)
class Row:
    """One example in the one internal form: turns, the last of them the answer, and a label where there is one.

    A row without an answer (a prompt alone) ends with the user's turn, or with a tool's result. `id` is a digest of the
    content: equal rows have equal ids. `tools` are JSON schemas of functions it may call.
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
        """The turns before the answer; of a row without one, all of them."""
        return prompt_of(self.messages)

    @property
    def target(self) -> str:
        """The answer in the data; empty where there is none."""
        return self.messages[-1].get("content", "") if is_answered(self.messages) else ""


def is_answered(messages: Sequence[Message]) -> bool:
    """False of a prompt alone: turns that end with the user's, or with a tool's result."""
    return bool(messages) and messages[-1].get("role") in ANSWERS


def prompt_of(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The turns before the answer; all of them where there is none."""
    return messages[:-1] if is_answered(messages) else messages
