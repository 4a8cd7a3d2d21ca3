"""Arrow: the IPC file format (Feather version 2) and the stream format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from tunewright.core.ports import RawRow
from tunewright.data.columnar import BATCH_ROWS, read_batches
from tunewright.recipe.options.sources.arrow import Options

MAGIC = b"ARROW1"


class Work:
    """Fulfils the port Source."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def read(self, path: Path) -> Iterator[RawRow]:
        """Rows in file order; `line` counts them from 1."""
        return read_batches(path, batches)


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The file in blocks; which of the two formats it has is told by its first bytes."""
    with path.open("rb") as file:
        framed = file.read(len(MAGIC)) == MAGIC
    with pa.OSFile(str(path), "rb") as source:  # read, not mapped: mapped pages would count as our memory
        if framed:
            reader = pa.ipc.open_file(source)
            blocks = (reader.get_batch(index) for index in range(reader.num_record_batches))
        else:
            blocks = iter(pa.ipc.open_stream(source))
        for block in blocks:
            for start in range(0, block.num_rows, BATCH_ROWS):
                yield block.slice(start, BATCH_ROWS)
