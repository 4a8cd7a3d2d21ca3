"""Rows that evaluation measures: those of a dataset's split, or a suite's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from tunewright.core.ports import Encoded, Row


class Rows(Protocol):
    """Rows of one split with their encoding: what evaluation reads of `data.dataset.Split`."""

    def __len__(self) -> int:
        """Number of rows."""
        ...

    def row(self, index: int) -> Row:
        """One row as people see it."""
        ...

    def encoded(self, index: int) -> Encoded:
        """The same row as the model is trained on it."""
        ...


def each(rows: Rows) -> Iterator[Row]:
    """The rows one after another."""
    return (rows.row(index) for index in range(len(rows)))


class Splits(Protocol):
    """What evaluation reads of `data.dataset.Dataset`."""

    def split(self, name: str) -> Rows:
        """The rows of "train", "validation" or "test"."""
        ...


@dataclass(frozen=True)
class FixedRows:
    """A suite's own rows, in memory."""

    rows: tuple[Row, ...]

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.rows)

    def row(self, index: int) -> Row:
        """One row."""
        return self.rows[index]

    def encoded(self, index: int) -> Encoded:
        """Raises LookupError: no tokens were made for a suite's own rows."""
        raise LookupError("a suite's own rows have no encoding")
