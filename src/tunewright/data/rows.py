"""Rows by their content: what a row is called, and when two are equal."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from tunewright.core import digest
from tunewright.core.ports import Converted, Details, Message, Row, prompt_of

SPLITS = ("train", "validation", "test")
KEY_BYTES = 16
"""128 bits: no two of a billion different rows share a key by chance."""


def make_row(converted: Converted, *, source: str, line: int) -> Row:
    """A row whose id is the digest of its turns, label, tools and rejected turns, whatever file it stands in.

    Details are no content: they say something about an example and change nothing of what a model reads or writes.
    """
    messages, label, tools, rejected, details = converted
    return Row(_name(converted), messages, label, source, line, tools, rejected, details)


def renamed(row: Row) -> Row:
    """The row under the name that its content has now."""
    return replace(row, id=_name(Converted(row.messages, row.label, row.tools, row.rejected)))


def with_column(row: Row, name: str, *, value: str) -> Row:
    """The row with a value for groups and slices; a column of that name that it has already stays as it is."""
    columns = row.details.get("columns", {})
    if name in columns:
        return row
    return replace(row, details=Details(**{**row.details, "columns": {**columns, name: value}}))


def _name(of: Converted) -> str:
    more = [*([of.tools] if of.tools or of.rejected else []), *([of.rejected] if of.rejected else [])]
    return digest.of_json([of.messages, of.label, *more])


def with_system(messages: tuple[Message, ...], system: str | None) -> tuple[Message, ...]:
    """The turns with a system turn in front, unless there is one, none is wanted, or the row is a document."""
    if not system or messages[0].get("role") in ("system", "document"):
        return messages
    return ({"role": "system", "content": system}, *messages)


def content_key(row: Any) -> bytes:
    """What exact duplicates share: roles, texts, calls, tools and rejected turns.

    Not the label's name, weights, details, file or line.
    """
    return row.key if hasattr(row, "key") else _key(row.messages, row.tools, row.rejected)


def prompt_key(row: Any) -> bytes:
    """The same for the turns before the answer."""
    return row.prompt_key if hasattr(row, "prompt_key") else _key(prompt_of(row.messages), row.tools)


def side_key(row: Any) -> bytes:
    """What rows share that must stand in one split: content; of preference pairs and rated answers the prompt.

    Two pairs with one prompt and one winner differ in the loser alone, and training learns the winner: apart, the test
    would measure what was trained.
    """
    return prompt_key(row) if is_compared(row) else content_key(row)


def is_compared(row: Any) -> bool:
    """True of preference pairs and rated answers: rows of one prompt say something about one another."""
    return row.compared if hasattr(row, "compared") else bool(row.rejected) or "rating" in row.details


def _key(messages: Sequence[Message], tools: Sequence[dict[str, Any]], rejected: Sequence[Message] = ()) -> bytes:
    turns, lost = _unweighted(messages), _unweighted(rejected)
    text = json.dumps([turns, tools, lost] if lost else [turns, tools] if tools else turns, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()


def _unweighted(messages: Sequence[Message]) -> list[dict[str, Any]]:
    return [{name: value for name, value in turn.items() if name != "weight"} for turn in messages]


def piece(row: Row, number: int) -> Row:
    """Part `number` (from 0) of a row that was split: the first keeps the id, the others get their own."""
    return row if number == 0 else replace(row, id=digest.of_json([row.id, number]))


def conflicting(rows: Iterable[Row]) -> list[Row]:
    """Labelled rows whose prompt stands elsewhere with another label."""
    by_prompt: dict[bytes, list[Row]] = defaultdict(list)
    for row in rows:
        if row.label is not None:
            by_prompt[prompt_key(row)].append(row)
    return [row for group in by_prompt.values() if len({row.label for row in group}) > 1 for row in group]
