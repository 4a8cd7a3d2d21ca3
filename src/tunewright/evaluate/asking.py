"""Asks a model: greedy answers to rows, and a wrapper that tells how far the asking has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tunewright.core.events import Emit, Progress
from tunewright.core.language_model import GREEDY, AskedModel, Generated, Sampling, Scored, ScoreItem
from tunewright.core.ports import AnsweredRow, Ids, Row
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench

BLOCK_ROWS = 256
"""Rows handed to a model at once: many enough that a shared prompt costs little, few enough to show progress."""


def generated(model: AskedModel, rows: Sequence[Row], *, style: Style, bench: Bench) -> list[AnsweredRow]:
    """One greedy answer a row, with the log-probability of each token."""
    prompts = [bench.chat.prompt_ids(bench.prompts.messages(row, style), tools=row.tools) for row in rows]
    answers = model.generate(prompts, max_new_tokens=bench.max_new_tokens, stop=bench.chat.stop_ids)
    return [
        AnsweredRow(row, bench.chat.decode(answer.tokens), log_probabilities=answer.log_probabilities)
        for row, answer in zip(rows, answers, strict=True)
    ]


class Watch:
    """Counts the rows that models have answered and tells whoever watches."""

    def __init__(self, total: int, emit: Emit) -> None:
        self.total, self.emit, self.done = total, emit, 0

    def add(self, rows: int) -> None:
        """So many more rows are done, or need not be done."""
        self.done += rows
        self.emit(Progress(stage="evaluate", done=self.done, total=self.total, unit="answers"))

    def finish(self) -> None:
        """All is done; what was planned and turned out needless counts as done."""
        self.add(self.total - self.done)


class Watched:
    """A language model that is asked in blocks and tells its progress; the answers are those of the model inside."""

    def __init__(self, model: AskedModel, tell: Callable[[int], None]) -> None:
        self.model, self.tell = model, tell

    @property
    def forward(self) -> str:
        """As the port says."""
        return self.model.forward

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """As the port says."""
        results: list[list[Scored]] = []
        for start in range(0, len(items), BLOCK_ROWS):
            block = items[start : start + BLOCK_ROWS]
            results += self.model.score(block)
            self.tell(len(block))
        return results

    def generate(
        self, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], sampling: Sampling = GREEDY
    ) -> list[Generated]:
        """As the port says."""
        results: list[Generated] = []
        for start in range(0, len(prompts), BLOCK_ROWS):
            block, own = prompts[start : start + BLOCK_ROWS], replace(sampling, seed=sampling.seed + start)
            results += self.model.generate(block, max_new_tokens=max_new_tokens, stop=stop, sampling=own)
            self.tell(len(block))
        return results

    def without_adapter(self) -> AskedModel:
        """The base model, watched too."""
        return Watched(self.model.without_adapter(), self.tell)
