"""Parquet files of a data set read a block at a time; memory holds one block, whatever the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.data.seal import damaged

BLOCK_ROWS = 4096


def blocks(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Some columns of a file, each block with the number of its first row. Columns that a file lacks are left out.

    Raises OutsideError when the file is gone or damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            there = [name for name in columns if name in file.schema_arrow.names]
            begin = 0
            for block in file.iter_batches(batch_size=BLOCK_ROWS, columns=there, use_threads=False):
                yield begin, block
                begin += block.num_rows
    except (OSError, pa.ArrowException) as error:
        raise damaged(path) from error
