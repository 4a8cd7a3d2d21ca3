"""Models that answer suites: one that is here, opened when it is first asked, and the count of what was asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from tunewright.core import digest
from tunewright.core.events import Emit, Progress
from tunewright.core.language_model import GREEDY, Generated, Request, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat
from tunewright.evaluate.suite import Talk, Written

BLOCK_ROWS = 256
"""Rows handed to a model at once: many enough that a shared prompt costs little, few enough to show progress."""


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
    answers kept under it are its own. `context_tokens`: the longest text that it was made for.
    """

    name: str
    chat: Chat
    open: Callable[[], Any]
    identity: str
    watch: Watch = field(default_factory=lambda: Watch(_nobody))
    context_tokens: int | None = None
    clock: Callable[[], float] = time.perf_counter
    _model: Any = None

    @property
    def forward(self) -> str:
        """What computes, as the port says; empty while nothing was asked."""
        return self._model.forward if self._model is not None else ""

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """Answers in order, in blocks; a prompt draws with the seed plus its place."""
        prompts = [self.chat.prompt_ids(talk.messages, tools=talk.tools) for talk in talks]
        written: list[Written] = []
        for start in range(0, len(prompts), BLOCK_ROWS):
            block, own = prompts[start : start + BLOCK_ROWS], replace(sampling, seed=sampling.seed + start)
            answers = self._opened().generate(
                block, max_new_tokens=max_new_tokens, stop=self.chat.stop_ids, sampling=own
            )
            written += [_written(answer, self.chat) for answer in answers]
            self.watch.add(len(block))
        return written

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """Greedy answers one at a time, with the time to the first token and to the last."""
        return [self._timed(talk, max_new_tokens) for talk in talks]

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """Scores in order, in blocks."""
        results: list[list[Scored]] = []
        for start in range(0, len(items), BLOCK_ROWS):
            block = items[start : start + BLOCK_ROWS]
            results += self._opened().score(block)
            self.watch.add(len(block))
        return results

    def complete(self, requests: Sequence[Request]) -> list[Generated]:
        """Answers to prompts of tokens, each with its own settings, in order."""
        answers: list[Generated] = self._opened().answer(requests)
        self.watch.add(len(requests))
        return answers

    def _opened(self) -> Any:
        if self._model is None:
            self._model = self.open()
        return self._model

    def _timed(self, talk: Talk, max_new_tokens: int) -> Written:
        """The first token is timed by asking for it alone, then the whole answer is."""
        prompt, model = self.chat.prompt_ids(talk.messages, tools=talk.tools), self._opened()
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
        requests = [
            Request(
                tuple(self.chat.prompt_ids(talk.messages, tools=talk.tools)),
                max_new_tokens,
                stop=self.chat.stop_ids,
                sampling=own,
            )
            for talk, own in zip(talks, self.settings, strict=True)
        ]
        blocks = (requests[start : start + BLOCK_ROWS] for start in range(0, len(requests), BLOCK_ROWS))
        return [_written(answer, self.chat) for block in blocks for answer in self.model.complete(block)]

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """As the model does, greedy and one at a time."""
        return self.model.write_alone(talks, max_new_tokens=max_new_tokens)

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """As the model does: settings change no score."""
        return self.model.score(items)


def _written(answer: Generated, chat: Chat) -> Written:
    return Written(chat.decode(answer.tokens), answer.finish, answer.tokens, answer.log_probabilities)


def _nobody(_event: object) -> None:
    """Tells nobody."""
