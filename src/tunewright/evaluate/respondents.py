"""Models that answer suites: one that is here, opened when it is first asked, and the count of what was asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core import digest
from tunewright.core.events import Emit, Note, Progress
from tunewright.core.language_model import GREEDY, Generated, HeadedModel, Request, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat, Ids, Outputs
from tunewright.evaluate.suite import NotMeasured, Talk, Written

BLOCK_ROWS = 256
"""Rows handed to a model at once: many enough that a shared prompt costs little, few enough to show progress."""


UNREAD = Written("", "error", (), ())


class Watch:
    """Counts the rows that models have answered and tells whoever watches."""

    def __init__(self, emit: Emit) -> None:
        self.emit, self.done = emit, 0

    def add(self, rows: int) -> None:
        """So many more rows are done."""
        self.done += rows
        self.emit(Progress(stage="evaluate", done=self.done, unit="answers"))


@dataclass
class Local:
    """A model on this machine. `open` loads it, and is called when the first answer is asked for, at most once.

    It gives a `core.language_model.LanguageModel`. `identity` is a digest of its weights, number formats and template:
    answers kept under it are its own. `context_tokens`: the longest text that it was made for. `head` gives the model
    with its head, where it has one.
    """

    name: str
    chat: Chat
    open: Callable[[], Any]
    identity: str
    watch: Watch = field(default_factory=lambda: Watch(_nobody))
    context_tokens: int | None = None
    clock: Callable[[], float] = time.perf_counter
    head: Callable[[], HeadedModel] | None = None
    _model: Any = None

    @property
    def forward(self) -> str:
        """What computes, as the port says; empty while nothing was asked."""
        return self._model.forward if self._model is not None else ""

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """Answers in order, in blocks; a prompt draws with the seed plus its place."""
        settings = [replace(sampling, seed=sampling.seed + at) for at in range(len(talks))]
        return self.draw(talks, settings=settings, max_new_tokens=max_new_tokens)

    def draw(self, talks: Sequence[Talk], *, settings: Sequence[Sampling], max_new_tokens: int) -> list[Written]:
        """Answers in order, each drawn with its own settings. Raises ValueError when these are of another number.

        A prompt that fills what the model reads is not asked: its answer ends with `error`, which leaves its row out.
        """
        prompts = [tuple(self.chat.prompt_ids(talk.messages, tools=talk.tools)) for talk in talks]
        rooms = [min(max_new_tokens, self._room(len(prompt))) for prompt in prompts]
        self._say_left_out(sum(room < 1 for room in rooms))
        written: list[Written] = []
        asked = list(zip(prompts, rooms, settings, strict=True))
        for start in range(0, len(asked), BLOCK_ROWS):
            block = asked[start : start + BLOCK_ROWS]
            requests = [Request(p, room, self.chat.stop_ids, sampling=own) for p, room, own in block if room > 0]
            answers = iter(self._opened().answer(requests))
            written += [_written(next(answers), self.chat) if room > 0 else UNREAD for _, room, _ in block]
            self.watch.add(len(block))
        return written

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """Greedy answers one at a time, with the time to the first token and to the last."""
        return [self._timed(talk, max_new_tokens) for talk in talks]

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """Scores in order, in blocks; what is longer than the model reads has log-probabilities that are no numbers."""
        fits = [self._room(len(item.prompt) + max(map(len, item.continuations), default=0) - 1) >= 0 for item in items]
        self._say_left_out(fits.count(False))
        results: list[list[Scored]] = []
        for start in range(0, len(items), BLOCK_ROWS):
            block = items[start : start + BLOCK_ROWS]
            own = fits[start : start + BLOCK_ROWS]
            scores = iter(self._opened().score([item for item, fit in zip(block, own, strict=True) if fit]))
            results += [next(scores) if fit else _unscored(item) for item, fit in zip(block, own, strict=True)]
            self.watch.add(len(block))
        return results

    def outputs(self, rows: Sequence[Ids]) -> tuple[Outputs, NDArray[np.float32]]:
        """What the head says and its numbers, [N, O], in order; no numbers for what is longer than the model reads.

        Raises NotMeasured for a model without a head.
        """
        if self.head is None:
            raise NotMeasured(f"{self.name} has no head")
        head, fits = self.head(), [self._room(len(row)) >= 0 for row in rows]
        self._say_left_out(fits.count(False))
        found = np.full((len(rows), head.meaning.size), np.nan, np.float32)
        read = [at for at, fit in enumerate(fits) if fit]
        for start in range(0, len(read), BLOCK_ROWS):
            block = read[start : start + BLOCK_ROWS]
            found[block] = head.outputs([rows[at] for at in block])
            self.watch.add(len(block))
        return head.meaning, found

    def complete(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers to prompts of tokens, each with its own settings, in order."""
        answers: list[Generated] = self._opened().answer(requests)
        self.watch.add(len(requests))
        return answers

    def reading(self, context_tokens: int) -> Local:
        """The same model, trusted with texts of another length."""
        self._opened()
        return replace(self, context_tokens=context_tokens)

    def _room(self, tokens: int) -> int:
        """Tokens that still fit behind so many; below 0 where these are too many themselves."""
        return sys.maxsize if self.context_tokens is None else self.context_tokens - tokens

    def _say_left_out(self, rows: int) -> None:
        if rows:
            self.watch.emit(
                Note(text=f"{rows:,} texts are longer than the {self.context_tokens:,} tokens that {self.name} reads.")
            )

    def _opened(self) -> Any:
        if self._model is None:
            self._model = self.open()
        return self._model

    def _timed(self, talk: Talk, max_new_tokens: int) -> Written:
        """The first token is timed by asking for it alone, then the whole answer is."""
        prompt, model = self.chat.prompt_ids(talk.messages, tools=talk.tools), self._opened()
        max_new_tokens = min(max_new_tokens, self._room(len(prompt)))
        if max_new_tokens < 1:
            self._say_left_out(1)
            return UNREAD
        began = self.clock()
        model.generate([prompt], max_new_tokens=1, stop=self.chat.stop_ids)
        first = self.clock()
        answer = model.generate([prompt], max_new_tokens=max_new_tokens, stop=self.chat.stop_ids)[0]
        ended = self.clock()
        self.watch.add(1)
        return replace(_written(answer, self.chat), seconds=ended - first, first_token_s=first - began)


@dataclass(frozen=True)
class Drawn:
    """A model that is here, and draws each answer with settings and a seed of its own: `settings`, one a conversation.

    A suite that asks `write` once for all of its rows can so be asked about many settings in one call.
    """

    model: Local
    settings: tuple[Sampling, ...]

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.model.name

    @property
    def chat(self) -> Chat:
        """The model's tokenizer and template."""
        return self.model.chat

    @property
    def identity(self) -> str:
        """The model's, and the settings: answers drawn otherwise are kept apart."""
        return digest.of_json([self.model.identity, [asdict(each) for each in self.settings]])

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """Answers in order; `sampling` gives way to `settings`. Raises ValueError when these are of another number."""
        return self.model.draw(talks, settings=self.settings, max_new_tokens=max_new_tokens)

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """As the model does, greedy and one at a time."""
        return self.model.write_alone(talks, max_new_tokens=max_new_tokens)

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """As the model does: settings change no score."""
        return self.model.score(items)


def _written(answer: Generated, chat: Chat) -> Written:
    return Written(chat.decode(answer.tokens), answer.finish, answer.tokens, answer.log_probabilities)


def _unscored(item: ScoreItem) -> list[Scored]:
    """Log-probabilities that are no numbers: every metric leaves such a row out."""
    return [Scored(np.full(len(c), np.nan, np.float32), np.zeros(len(c), bool)) for c in item.continuations]


def _nobody(_event: object) -> None:
    """Tells nobody."""
