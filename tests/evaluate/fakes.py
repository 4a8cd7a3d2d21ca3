"""Fakes that obey the ports: a template over characters, a dataset in memory, and models that answer by rule."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tunewright.core import catalog
from tunewright.core.answers import Scorer
from tunewright.core.events import Emit, silent
from tunewright.core.language_model import GREEDY, AskedModel, Generated, Request, Sampling, Scored, ScoreItem
from tunewright.core.nouns import DatasetVersion, Receipt, RowCounts, TokenCounts
from tunewright.core.ports import Encoded, Ids, Message, Row
from tunewright.evaluate.bench import Data, Task
from tunewright.evaluate.evaluate import Models
from tunewright.evaluate.respondents import Local, Watch
from tunewright.recipe.recipe import EvaluateOptions

STOP, ROLE = 1, 2
VOCABULARY = 0x1000
LABELS = ("heart", "lungs", "skin")
MEASURED = (
    "accuracy",
    "exact_match",
    "precision",
    "recall",
    "f1",
    "loss",
    "perplexity",
    "token_accuracy",
    "consistency",
    "rules_followed",
    "exposure",
    "extracted",
    "contaminated",
    "preference_accuracy",
    "accuracy_gap",
    "parity_gap",
    "odds_gap",
)
"""Metrics that a task of the tests brings."""


class CharChat:
    """One token a character; each turn is ROLE, the role's first letter, the text, STOP."""

    digest = "chat"
    stop_ids = frozenset({STOP})
    turn_end: tuple[int, ...] = (STOP,)

    def turn(self, message: Message) -> list[int]:
        """Tokens of one turn."""
        return [ROLE, ord(message["role"][0]), *self.encode_text(message["content"]), STOP]

    def prompt_ids(self, messages: Sequence[Message], *, tools: Sequence[dict[str, Any]] = ()) -> list[int]:
        """All turns, and the head of the answer."""
        return [token for message in messages for token in self.turn(message)] + [ROLE, ord("a")]

    def decode(self, ids: Ids) -> str:
        """Characters, special ones left out."""
        return "".join(chr(token) for token in ids if token not in (STOP, ROLE))

    def encode_text(self, text: str) -> list[int]:
        """One token a character."""
        return [ord(letter) for letter in text]

    def encoded(self, row: Row) -> Encoded:
        """Loss on the answer and its stop token."""
        prompt, answer = self.prompt_ids(row.prompt), [*self.encode_text(row.target), STOP]
        weights = np.array([0.0] * len(prompt) + [1.0] * len(answer), dtype=np.float32)
        return Encoded(np.array(prompt + answer, dtype=np.int32), weights)


@dataclass
class FakeSplit:
    """Rows in memory, encoded on demand."""

    rows: list[Row]
    encode: Callable[[Row], Encoded] = field(default_factory=lambda: CharChat().encoded)

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int) -> Row:
        """One row."""
        return self.rows[index]

    def encoded(self, index: int) -> Encoded:
        """The same row as tokens."""
        return self.encode(self.rows[index])


@dataclass
class FakeDataset:
    """Splits by name."""

    splits: dict[str, FakeSplit]

    def split(self, name: str) -> FakeSplit:
        """The rows of a split."""
        return self.splits[name]


@dataclass
class RuleModel:
    """Answers `rule(prompt text)`; a token of that answer has probability `sure`, any other one shares the rest.

    `asked` keeps every prompt that came in.
    """

    rule: Callable[[str], str]
    sure: float = 0.9
    asked: list[str] = field(default_factory=list)
    forward: str = "a rule"

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """Each continuation against the answer of the rule."""
        return [[self._scored(item.prompt, tokens) for tokens in item.continuations] for item in items]

    def generate(
        self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], sampling: Sampling = GREEDY
    ) -> list[Generated]:
        """The rule's answer, cut at the limit."""
        return self.answer([Request(tuple(prompt), max_new_tokens, stop, sampling=sampling) for prompt in prompts])

    def answer(self, requests: Sequence[Request]) -> list[Generated]:
        """The same for requests."""
        return [self._said(request.prompt, request.max_new_tokens) for request in requests]

    def without_adapter(self) -> AskedModel:
        """Itself: there is no adapter."""
        return self

    def _answer(self, prompt: Ids) -> list[int]:
        text = "".join(chr(token) for token in prompt)
        self.asked.append(text)
        return [*CharChat().encode_text(self.rule(text)), STOP]

    def _said(self, prompt: Ids, limit: int) -> Generated:
        answer = self._answer(prompt)[:-1]
        cut = tuple(answer[:limit])
        return Generated(cut, (float(np.log(self.sure)),) * len(cut), "stop" if len(answer) <= limit else "length")

    def _scored(self, prompt: Ids, tokens: Ids) -> Scored:
        answer = self._answer(prompt)
        greedy = [place < len(answer) and answer[place] == token for place, token in enumerate(tokens)]
        other = (1 - self.sure) / VOCABULARY
        chance = [self.sure if right else other for right in greedy]
        return Scored(np.log(np.array(chance, dtype=np.float32)), np.array(greedy))


def local(model: RuleModel, *, name: str = "rule", emit: Emit = silent) -> Local:
    """A model that answers by rule, as suites ask it."""
    return Local(name, CharChat(), lambda: model, f"{name} {model.sure}", Watch(emit))


def models_of(base: RuleModel, tuned: RuleModel | None, *, emit: Emit = silent) -> Models:
    """Two models side by side, or one."""
    other = None if tuned is None else local(tuned, name="tuned", emit=emit)
    return Models(local(base, name="base", emit=emit), other)


def labelled(text: str, label: str) -> Row:
    """A row whose answer is its label."""
    messages: tuple[Message, ...] = ({"role": "user", "content": text}, {"role": "assistant", "content": label})
    return Row(f"{zlib.crc32(text.encode()):08x}", messages, label=label)


def labelled_rows(count: int, *, start: int = 0) -> list[Row]:
    """Rows "case 7: ..." whose label is in the text, labels in turn."""
    return [
        labelled(f"case {number}: trouble of the {LABELS[number % 3]}", LABELS[number % 3])
        for number in range(start, start + count)
    ]


def last_turn(prompt: str) -> str:
    """Text of the last user turn of a prompt."""
    return prompt.split(chr(ROLE) + "u")[-1].split(chr(STOP))[0]


def reads_label(prompt: str) -> str:
    """What a tuned model does: says the label that the text names."""
    text = last_turn(prompt)
    return next(label for label in LABELS if text.endswith(label))


def is_chatty(prompt: str) -> str:
    """What a base model does: talks; with labels listed it gets every other case right."""
    text = last_turn(prompt)
    if not text.startswith("Answer with exactly one"):
        return "Well, " + reads_label(prompt)
    number = int(text.split("case ")[1].split(":")[0])
    return reads_label(prompt) if number % 2 else "heart"


def version(splits: dict[str, FakeSplit], labels: tuple[str, ...] = LABELS) -> DatasetVersion:
    """A dataset record with these splits."""
    counts = {name: len(split) for name, split in splits.items()}
    total = sum(counts.values())
    receipt = Receipt(rows=RowCounts(in_=total, kept=total), tokens=TokenCounts(), splits=counts)
    return DatasetVersion(
        name="d" * 64, key="k", shape="labelled", labels=labels, max_tokens=64, chat_digest="chat", receipt=receipt
    )


def scorer(name: str) -> Scorer:
    """A scorer of the catalog, as app/resolve makes it."""
    return catalog.work("scorers", name)(catalog.options("scorers", name)())


def scorers() -> dict[str, Scorer]:
    """Every scorer of the catalog by name."""
    return {name: scorer(name) for name in catalog.names("scorers")}


def suite(name: str, **keys: Any) -> Any:
    """A suite of the catalog with these options."""
    return catalog.work("suites", name)(catalog.options("suites", name)(**keys))


def task(folder: Path, *, splits: dict[str, FakeSplit] | None = None, **keys: Any) -> Task:
    """A task over 60 training, 30 validation and 24 test rows, or the splits given; `keys` are EvaluateOptions."""
    labels = keys.pop("labels", LABELS)
    splits = splits or {
        "train": FakeSplit(labelled_rows(60)),
        "validation": FakeSplit(labelled_rows(30, start=60)),
        "test": FakeSplit(labelled_rows(24, start=90)),
    }
    ticks = iter(range(1_000))
    return Task(
        options=EvaluateOptions(**keys),
        data=Data(FakeDataset(splits), version(splits, labels), CharChat()),
        model="m" * 64,
        key="e" * 64,
        folder=folder,
        made_at="2026-11-22T12:00:00Z",
        clock=lambda: float(next(ticks)),
        scorers={name: scorer(name) for name in MEASURED},
    )
