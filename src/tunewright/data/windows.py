"""Plain text as windows: documents follow one another, end of text after each, and every token is kept exactly once.

The stream of a split is cut every `limit` tokens; the last window is as long as what is left. The first token of a
window has nothing before it to be predicted from, so it has no weight; all others have 1. A window may hold the end of
one document and the start of the next, and attention sees both (as in the pre-training of GPT-2 and Llama).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tunewright.core import digest
from tunewright.core.ports import Chat, Message, Row

Window = tuple[Row, tuple[NDArray[np.int32], NDArray[np.float32]]]


class Windows:
    """Takes the documents of one split in order and gives windows of at most `limit` tokens."""

    def __init__(self, chat: Chat, *, limit: int, end: int) -> None:
        self._chat = chat
        self._limit = limit
        self._end = end
        self._held: list[NDArray[np.int32]] = []
        self._count = 0
        self._first: Row | None = None
        self._number = 0

    def add(self, row: Row, tokens: NDArray[np.int32]) -> Iterator[Window]:
        """Windows that are full once a document has come."""
        self._held.append(np.append(tokens, np.int32(self._end)))
        self._count += len(tokens) + 1
        self._first = self._first or row
        while self._count >= self._limit:
            yield self._cut(self._limit, row)

    def rest(self) -> Iterator[Window]:
        """The last window, shorter than the others."""
        if self._count and self._first is not None:
            yield self._cut(self._count, self._first)

    def _cut(self, length: int, following: Row) -> Window:
        """The next `length` tokens as an example; `following` is the document that the window after it begins in."""
        stream = np.concatenate(self._held)
        tokens, rest = stream[:length].copy(), stream[length:]
        first = self._first
        assert first is not None, "a window is cut from documents"
        self._held, self._count = ([rest] if len(rest) else []), len(rest)
        self._first = following if len(rest) else None
        weights = np.ones(length, dtype=np.float32)
        weights[0] = 0
        text = self._chat.decode(tokens.tolist())
        self._number += 1
        name = digest.of_json([first.id, self._number, digest.of_bytes(tokens.tobytes())])
        turns: tuple[Message, ...] = ({"role": "document", "content": text},)
        return Row(name, turns, source=first.source, line=first.line, details=first.details), (tokens, weights)
