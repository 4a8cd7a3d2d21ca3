"""Parquet: columns by name, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core.ports import RawRow
from tunewright.data.columnar import BATCH_ROWS, read_batches
from tunewright.recipe.options.sources.parquet import Options


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """Rows in file order; `line` counts them from 1."""
        return read_batches(path, batches)


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The file in blocks."""
    with pq.ParquetFile(path) as file:
        yield from file.iter_batches(batch_size=BATCH_ROWS)
