"""CSV (RFC 4180): a header, then records, UTF-8, streamed; a bad record is a row with its problem."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunewright.core.ports import RawRow
from tunewright.data.tables import read_table
from tunewright.recipe.options.sources.csv import Options


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """Rows in file order; `line` is where a record begins, also when quoted fields hold line breaks."""
        return read_table(path, delimiter=",")
