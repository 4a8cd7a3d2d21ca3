"""Rows by their content: what a row is called, and when two are equal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from tunewright.core import digest
from tunewright.core.ports import Message, Row

SPLITS = ("train", "validation", "test")


def make_row(messages: tuple[Message, ...], label: str | None, *, source: str, line: int) -> Row:
    """A row whose id is the digest of its turns and label, whatever file it stands in."""
    return Row(digest.of_json([messages, label]), messages, label, source, line)


def with_system(messages: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
    """The turns with a system turn in front, unless there is one or none is wanted."""
    if not system or messages[0].get("role") == "system":
        return messages
    return ({"role": "system", "content": system}, *messages)


def content_key(row: Row) -> tuple[str, ...]:
    """What makes two rows exact duplicates: roles and texts, not the label's name, weight, file or line."""
    return tuple(text for turn in row.messages for text in (turn.get("role", ""), turn.get("content", "")))


def piece(row: Row, number: int) -> Row:
    """Part `number` (from 0) of a row that was split: the first keeps the id, the others get their own."""
    return row if number == 0 else replace(row, id=digest.of_json([row.id, number]))


def conflicting(rows: Iterable[Row]) -> list[Row]:
    """Labelled rows whose prompt stands elsewhere with another label."""
    by_prompt: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if row.label is not None:
            by_prompt[content_key(row)[:-2]].append(row)
    return [row for group in by_prompt.values() if len({row.label for row in group}) > 1 for row in group]
