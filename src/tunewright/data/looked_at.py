"""Which texts of a row a detector looks at."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.ports import Message, Row

SAID = frozenset({"user", "assistant", "document"})
"""Turns that somebody wrote: a system turn is one for many rows, and results of tools are data."""


def conversation(row: Row) -> list[str]:
    """Texts of a row that somebody wrote, turn by turn; of a preference pair those of the winner."""
    return _texts(row.messages, SAID)


def answers(row: Row) -> list[str]:
    """The assistant's texts, or the document."""
    return _texts(row.messages, frozenset({"assistant", "document"}))


def everything(row: Row) -> list[str]:
    """Every text of a row, with what was rejected."""
    return [turn.get("content", "") for turn in (*row.messages, *row.rejected) if turn.get("content")]


def written(row: Row) -> list[str]:
    """What is to be judged as writing: the assistant's texts, or the document; where a label answers, the question."""
    if row.label is None:
        return answers(row)
    return _texts(row.messages, frozenset({"user", "document"}))


def _texts(turns: Sequence[Message], roles: frozenset[str]) -> list[str]:
    return [turn.get("content", "") for turn in turns if turn.get("role") in roles and turn.get("content")]
