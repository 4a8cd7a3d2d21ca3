"""Rows laid aside on disk while the whole set is looked at: memory holds some hundred bytes a row, whatever its text.

Steps and the split see shelved rows: id, label, source, line and family are there, turns are read back when asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from tunewright.core.ports import Details, Message, Row
from tunewright.data.rows import content_key, is_compared, prompt_key

ID_BYTES, KEY_BYTES = 32, 16
Laid = tuple[tuple[Message, ...], tuple[dict[str, Any], ...], tuple[Message, ...], Details]
"""What lies on the shelf of a row: turns, tools, rejected turns, details."""


class ShelvedRow:
    """A row whose turns lie on the shelf; otherwise what `core.ports.Row` is."""

    __slots__ = ("_digests", "_place", "_shelf", "compared", "family", "label", "line", "paired", "source")

    def __init__(self, row: Row, shelf: Shelf, place: int) -> None:
        self._digests = bytes.fromhex(row.id) + content_key(row) + prompt_key(row)
        self._shelf = shelf
        self._place = place
        self.label = shelf.known(row.label)
        self.source = shelf.known(row.source)
        self.line = row.line
        self.paired = bool(row.rejected)
        self.compared = is_compared(row)
        self.family = shelf.known(row.details.get("family"))

    @property
    def id(self) -> str:
        """Digest of the content, in hexadecimal."""
        return self._digests[:ID_BYTES].hex()

    @property
    def key(self) -> bytes:
        """What two exact duplicates share."""
        return self._digests[ID_BYTES : ID_BYTES + KEY_BYTES]

    @property
    def prompt_key(self) -> bytes:
        """What two rows with the same prompt share."""
        return self._digests[ID_BYTES + KEY_BYTES :]

    @property
    def messages(self) -> tuple[Message, ...]:
        """The turns, read from disk."""
        return self.whole().messages

    @property
    def tools(self) -> tuple[dict[str, Any], ...]:
        """Schemas of tools, read from disk."""
        return self.whole().tools

    @property
    def rejected(self) -> tuple[Message, ...]:
        """The turns that lost, read from disk; there are none where `paired` is False."""
        return self.whole().rejected if self.paired else ()

    @property
    def details(self) -> Details:
        """Details, read from disk."""
        return self.whole().details

    def whole(self) -> Row:
        """The row with its turns."""
        messages, tools, rejected, details = self._shelf.load(self._place)
        return Row(self.id, messages, self.label, self.source, self.line, tools, rejected, details)


class Shelf:
    """An append-only file of turns; rows come back from it in any order, fastest in the order they came."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO = path.open("w+b")
        self._end = 0
        self._reading = False
        self._known: dict[str | None, Any] = {}

    def add(self, row: Row) -> Any:
        """Lay a row aside; what comes back stands for it."""
        if self._reading:
            self._file.seek(self._end)
            self._reading = False
        laid: list[Any] = [row.messages, row.tools, row.rejected, row.details]
        while not laid[-1]:
            laid.pop()
        line = json.dumps(laid, separators=(",", ":")).encode() + b"\n"
        self._file.write(line)
        found = ShelvedRow(row, self, self._end)
        self._end += len(line)
        return found

    def load(self, place: int) -> Laid:
        """What was laid aside of the row at a place."""
        if not self._reading or self._file.tell() != place:
            self._file.seek(place)
            self._reading = True
        laid = json.loads(self._file.readline())
        messages, tools, rejected, details = [*laid, *[[], [], [], {}][len(laid) :]]
        return tuple(messages), tuple(tools), tuple(rejected), details

    def known(self, text: str | None) -> Any:
        """One object for equal texts: labels and file names are few."""
        return self._known.setdefault(text, text)

    def __enter__(self) -> Shelf:
        """The open shelf."""
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close and remove the file."""
        try:
            self._file.close()
        finally:  # also where a full disk refuses the last rows
            self._path.unlink(missing_ok=True)


def wholes(rows: Iterable[Any]) -> Iterator[Row]:
    """Rows with their turns; plain ones as they are."""
    return (row.whole() if isinstance(row, ShelvedRow) else row for row in rows)
