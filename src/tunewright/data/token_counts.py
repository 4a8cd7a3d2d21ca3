"""How long rows are in tokens, as they will be written for training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import numpy as np

from tunewright.core.errors import UserError
from tunewright.core.ports import Chat, Row, RowProblem
from tunewright.data.context import Context
from tunewright.data.encode import TrainingChat
from tunewright.data.overlong import Tokens
from tunewright.data.shelf import wholes
from tunewright.data.step import batches
from tunewright.text.turns import Conversation


def encoded(rows: Iterable[Any], chat: Chat) -> Iterator[Tokens | RowProblem]:
    """Tokens and loss weights of each row, or its problem; of a document every token but the first counts."""
    form = cast("TrainingChat", chat)
    for batch in batches(wholes(rows)):
        yield from _documents(batch, form) if _is_document(batch[0]) else _conversations(batch, form)


def token_counts(rows: Iterable[Any], chat: Chat) -> list[int]:
    """Tokens of each row; one that cannot be written as tokens has none."""
    return [0 if isinstance(found, RowProblem) else len(found[0]) for found in encoded(rows, chat)]


def asked_counts(rows: Iterable[Any], context: Context | None, *, where: str) -> list[int]:
    """The same, for a step that counts them. Raises UserError where it was given no tokenizer."""
    if context is None:
        raise UserError("tokens are counted with the model's tokenizer, and none was given.", where=where)
    return token_counts(rows, context.chat)


def _is_document(row: Row) -> bool:
    return row.messages[0].get("role") == "document"


def _conversations(rows: Sequence[Row], chat: TrainingChat) -> list[Tokens | RowProblem]:
    return chat.encode_many([Conversation(row.messages, row.tools) for row in rows], loss_on="answers")


def _documents(rows: Sequence[Row], chat: TrainingChat) -> Iterator[Tokens]:
    for tokens in chat.encode_texts([row.target for row in rows]):
        weights = np.ones(len(tokens), np.float32)
        weights[:1] = 0
        yield tokens, weights
