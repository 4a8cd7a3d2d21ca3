"""Encoded examples on disk while they are made: flat files, then one safetensors and one Parquet file a split.

T tokens of all examples in a row, N examples. `tokens` int32 [T], `weights` float32 [T], `offsets` int64 [N + 1]:
example i is tokens[offsets[i]:offsets[i + 1]].
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tunewright.core.digest import canonical
from tunewright.core.ports import Row

BLOCK_ROWS = 4096
BLOCK_TOKENS = 4 * 2**20
TYPES = {"offsets": ("I64", "<i8"), "tokens": ("I32", "<i4"), "weights": ("F32", "<f4")}
"""In file order: the widest first, so that each begins at a multiple of its width."""
SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("messages", pa.string(), nullable=False),
        pa.field("tools", pa.string()),
        pa.field("label", pa.string()),
        pa.field("source", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("rejected", pa.string()),
        pa.field("details", pa.string()),
    ]
)


class SplitWriter:
    """Takes the examples of one split in order. Memory holds one block.

    `digest` covers ids, tokens, weights, and details where a row has any.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self._folder, self._split = folder, split
        self._raw = {name: (folder / f"{split}.{name}.raw").open("wb") for name in ("tokens", "weights")}
        self._table = pq.ParquetWriter(folder / f"{split}.parquet", SCHEMA)
        self._hashes = {name: hashlib.sha256() for name in ("ids", "tokens", "weights")}
        self._details = hashlib.sha256()
        self._detailed = 0
        self._lengths: list[int] = []
        self._rows: list[Row] = []
        self._arrays: dict[str, list[NDArray[np.int32] | NDArray[np.float32]]] = {"tokens": [], "weights": []}
        self._waiting_tokens = 0

    def add(self, row: Row, example: tuple[NDArray[np.int32], NDArray[np.float32]]) -> None:
        """Append one example: its row, and its tokens and weights."""
        tokens, weights = example
        self._rows.append(row)
        self._arrays["tokens"].append(tokens)
        self._arrays["weights"].append(weights)
        self._lengths.append(len(tokens))
        self._waiting_tokens += len(tokens)
        if len(self._rows) >= BLOCK_ROWS or self._waiting_tokens >= BLOCK_TOKENS:
            self._flush()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example so far."""
        return np.array(self._lengths, dtype=np.int64)

    @property
    def digest(self) -> str:
        """Digest of the content: ids, lengths, tokens, weights and details, whatever the blocks were."""
        parts = {name: state.hexdigest() for name, state in self._hashes.items()}
        if self._detailed:
            parts["details"] = self._details.hexdigest()
        lengths = hashlib.sha256(self.lengths.astype("<i8").tobytes()).hexdigest()
        return hashlib.sha256(json.dumps([parts, lengths], sort_keys=True).encode()).hexdigest()

    def _flush(self) -> None:
        if not self._rows:
            return
        for name, arrays in self._arrays.items():
            block = np.concatenate(arrays).astype(TYPES[name][1]).tobytes()
            self._raw[name].write(block)
            self._hashes[name].update(block)
            arrays.clear()
        self._hashes["ids"].update("".join(row.id for row in self._rows).encode())
        for index, row in enumerate(self._rows, start=len(self._lengths) - len(self._rows)):
            if row.details:
                self._details.update(canonical([index, row.details]) + b"\n")
                self._detailed += 1
        self._table.write_table(to_table(self._rows))
        self._rows.clear()
        self._waiting_tokens = 0

    def finish(self) -> None:
        """Write `<split>.safetensors`; the flat files go."""
        self._flush()
        self.__exit__()
        offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype("<i8")
        with (self._folder / f"{self._split}.safetensors").open("wb") as target:
            target.write(safetensors_header(len(self._lengths), int(offsets[-1])))
            target.write(offsets.tobytes())
            for name in ("tokens", "weights"):
                raw = self._folder / f"{self._split}.{name}.raw"
                with raw.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                raw.unlink()

    def __enter__(self) -> SplitWriter:
        """The open writer."""
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the files; also after a failure."""
        self._table.close()
        for file in self._raw.values():
            file.close()


def to_table(rows: Sequence[Row]) -> pa.Table:
    """Rows as they lie in Parquet; turns, tools and details are JSON text, null where there are none."""
    return pa.table(
        {
            "id": [row.id for row in rows],
            "messages": [json.dumps(row.messages, ensure_ascii=False) for row in rows],
            "tools": [json_text(row.tools) for row in rows],
            "label": [row.label for row in rows],
            "source": [row.source for row in rows],
            "line": [row.line for row in rows],
            "rejected": [json_text(row.rejected) for row in rows],
            "details": [json_text(row.details) for row in rows],
        },
        schema=SCHEMA,
    )


def json_text(value: object) -> str | None:
    """A value as JSON text, or None when it is empty."""
    return json.dumps(value, ensure_ascii=False) if value else None


def safetensors_header(examples: int, tokens: int) -> bytes:
    """Length and JSON header of the file, padded to 8 bytes (the safetensors format)."""
    sizes = {"offsets": examples + 1, "tokens": tokens, "weights": tokens}
    header: dict[str, object] = {}
    begin = 0
    for name, (kind, numpy_type) in TYPES.items():
        end = begin + sizes[name] * np.dtype(numpy_type).itemsize
        header[name] = {"dtype": kind, "shape": [sizes[name]], "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text
