"""What became of rows that are not in the data set, or are there as others: for people, and for lineage.

`fates.parquet`: one line for each row that went by a step or in encoding, and for each that changed or was made.
`samples.json`: the first of each reason, with their text before and after.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.ports import Changed, Gone, Row
from tunewright.core.workspace import write_json

SAMPLES = 10
EXCERPT = 400
BLOCK = 8192
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("split", pa.string()),
        pa.field("fate", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("other", pa.string()),
    ]
)
"""`fate`: duplicate, dropped, changed or created. `other`: the row that stays for a duplicate, or the new id."""
Shown = Literal["all", "after", "nothing"]
"""Which texts of a row may be shown: those before and after a change, the one after it, or none."""
NAME, SAMPLES_NAME = "fates.parquet", "samples.json"


class Fates:
    """Writes both files into a folder; memory holds one block and a few samples a reason."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._table = pq.ParquetWriter(folder / NAME, SCHEMA)
        self._lines: list[tuple[Any, ...]] = []
        self._samples: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)

    def lose(self, gone: Gone, *, shown: Shown) -> None:
        """A row went."""
        row = gone.row
        self._line(row, gone.split, gone.fate, gone.reason, gone.of or None)
        self._sample(gone.reason, row, shown=shown)

    def change(self, changed: Changed, *, shown: Shown) -> None:
        """A row is another now."""
        self._line(changed.before, None, "changed", changed.reason, changed.after.id)
        self._sample(changed.reason, changed.before, after=changed.after, shown=shown)

    def create(self, row: Row, reason: str) -> None:
        """A row was made."""
        self._line(row, None, "created", reason, None)
        self._sample(reason, row, shown="all")

    def finish(self) -> None:
        """Both files are whole."""
        self._flush()
        self._table.close()
        write_json(self._folder / SAMPLES_NAME, self._samples)

    def _line(self, row: Row, split: str | None, fate: str, reason: str, other: str | None) -> None:
        self._lines.append((row.id, row.source, row.line, split, fate, reason, other))
        if len(self._lines) >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        if self._lines:
            columns = zip(*self._lines, strict=True)
            self._table.write_table(pa.table([pa.array(column) for column in columns], schema=SCHEMA))
            self._lines.clear()

    def _sample(self, reason: str, row: Row, *, after: Row | None = None, shown: Shown) -> None:
        samples = self._samples[reason]
        if len(samples) >= SAMPLES:
            return
        found: dict[str, Any] = {"source": row.source, "line": row.line}
        old, new = text_of(row), text_of(after) if after is not None else None
        start = differs_at(old, new) if new is not None else 0
        if shown == "all":
            found["before"] = excerpt(old, start)
        if new is not None and shown != "nothing":
            found["after"] = excerpt(new, start)
        samples.append(found)

    def __enter__(self) -> Fates:
        """The open files."""
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the file, also after a failure."""
        self._table.close()


def text_of(row: Row) -> str:
    """All turns as text."""
    return "\n".join(f"{turn.get('role', '')}: {turn.get('content', '')}" for turn in (*row.messages, *row.rejected))


def differs_at(old: str, new: str) -> int:
    """The place of the first difference."""
    return next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def excerpt(text: str, start: int) -> str:
    """Part of a text around a place, with marks where it goes on."""
    begin = max(0, min(start - EXCERPT // 4, len(text) - EXCERPT))
    part = text[begin : begin + EXCERPT]
    return ("… " if begin else "") + part + (" …" if begin + EXCERPT < len(text) else "")
