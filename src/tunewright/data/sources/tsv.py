"""TSV: as CSV with tabs between fields, quoted or not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tunewright.core.ports import RawRow
from tunewright.data.tables import read_table
from tunewright.recipe.options.sources.tsv import Options


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """Rows in file order; `line` is where a record begins."""
        return read_table(path, delimiter="\t")
