"""Tokens of rows that are more or less than a conversation with an answer: preference pairs, and prompts alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import UserError
from tunewright.core.ports import Row, RowProblem
from tunewright.data.overlong import NOTHING_TO_TRAIN, Tokens
from tunewright.text.spans import LossOn
from tunewright.text.turns import Conversation

PROMPT_NOT_SHARED = "prompt_not_shared"


class PairChat(Protocol):
    """What is asked of a chat format here."""

    def encode_many(
        self, rows: Sequence[Conversation], *, loss_on: LossOn, rewritten: dict[int, int] | None = None
    ) -> list[Tokens | RowProblem]:
        """Tokens and weights of each conversation, or its problem in its place."""
        ...

    def encode_prompts(self, rows: Sequence[Conversation]) -> list[NDArray[np.int32] | RowProblem]:
        """Tokens of each conversation up to where the assistant begins to answer, or its problem in its place."""
        ...


class Whole(NamedTuple):
    """An example that is kept as a whole or not at all. `rejected`: the prompt with the answer that lost."""

    example: Tokens
    rejected: Tokens | None = None

    @property
    def longest(self) -> int:
        """Tokens of the longer side."""
        return max(len(self.example[0]), len(self.rejected[0]) if self.rejected is not None else 0)

    @property
    def sides(self) -> list[Tokens]:
        """The example, and of a pair the other one."""
        return [self.example, *([self.rejected] if self.rejected is not None else [])]


def encoded_pairs(rows: Sequence[Row], chat: PairChat) -> list[Whole | RowProblem]:
    """Both answers of each pair after the prompt that they share; weights are on the answers alone."""
    alone = RowProblem("no_rejected_answer", "nothing lost against this answer")
    won = chat.encode_many([Conversation(row.messages, row.tools) for row in rows], loss_on="answers")
    sides = [Conversation((*row.prompt, *row.rejected), row.tools) for row in rows]
    lost = chat.encode_many(sides, loss_on="answers")
    found = [_pair(*each) for each in zip(won, lost, strict=True)]
    return [pair if row.rejected else alone for row, pair in zip(rows, found, strict=True)]


def _pair(won: Tokens | RowProblem, lost: Tokens | RowProblem) -> Whole | RowProblem:
    if isinstance(won, RowProblem):
        return won
    if isinstance(lost, RowProblem):
        return RowProblem(lost.reason, f"with the rejected turns {lost.detail}")
    if not won[1].any() or not lost[1].any():
        return RowProblem(NOTHING_TO_TRAIN, "an answer of the pair has the weight 0")
    ends = [int(np.argmax(weights > 0)) for _tokens, weights in (won, lost)]
    if not np.array_equal(won[0][: ends[0]], lost[0][: ends[1]]):
        return RowProblem(PROMPT_NOT_SHARED, "the template writes the prompt otherwise before the other answer")
    return Whole(won, lost)


def encoded_prompts(rows: Sequence[Row], chat: PairChat) -> list[Whole | RowProblem]:
    """The prompt of each row up to where the assistant begins to answer; nothing of it has a weight."""
    found = chat.encode_prompts([Conversation(row.prompt, row.tools) for row in rows])
    return [item if isinstance(item, RowProblem) else Whole((item, np.zeros(len(item), np.float32))) for item in found]


def is_good(row: Row) -> bool:
    """False of an answer whose rating says that it is not to be imitated.

    Raises UserError when the row has a rating and nobody said which ones are good.
    """
    if "rating" in row.details and "desirable" not in row.details:
        raise UserError(
            "these answers are rated, and nothing says which ratings count as good enough to imitate.",
            where=f"{row.source}:{row.line}",
            do="Write it, for example data.shape: {type: rated, good: 4}, or the scale with least and most.",
        )
    return row.details.get("desirable", True)
