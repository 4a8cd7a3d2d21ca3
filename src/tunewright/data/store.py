"""Encoded examples on disk while they are made: flat files, then one safetensors and one Parquet file a split.

T tokens of all examples in a row, N examples. `tokens` int32 [T], `weights` float32 [T], `offsets` int64 [N + 1]:
example i is tokens[offsets[i]:offsets[i + 1]]. Preference pairs have a second file of this kind, `<split>.rejected`:
its example i is the same prompt with the answer that lost. `<split>.ratings` holds what rows are worth (`ratings.py`).
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
from tunewright.data.ratings import Ratings

Example = tuple[NDArray[np.int32], NDArray[np.float32]]
REJECTED = "rejected"
"""What the second file of a split is called, after the split."""
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


class TokenWriter:
    """Takes tokens and weights of examples in order, and writes them as one safetensors file. Memory holds a block."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._raw = {part: (folder / f"{name}.{part}.raw").open("wb") for part in ("tokens", "weights")}
        self._hashes = {part: hashlib.sha256() for part in self._raw}
        self._lengths: list[int] = []
        self._arrays: dict[str, list[NDArray[np.int32] | NDArray[np.float32]]] = {part: [] for part in self._raw}
        self.waiting_tokens = 0

    def add(self, example: Example) -> None:
        """Append one example."""
        for part, array in zip(self._arrays, example, strict=True):
            self._arrays[part].append(array)
        self._lengths.append(len(example[0]))
        self.waiting_tokens += len(example[0])

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example so far."""
        return np.array(self._lengths, dtype=np.int64)

    @property
    def digests(self) -> dict[str, str]:
        """Digests of tokens and weights, and of the lengths, whatever the blocks were."""
        parts = {part: state.hexdigest() for part, state in self._hashes.items()}
        return parts | {"lengths": hashlib.sha256(self.lengths.astype("<i8").tobytes()).hexdigest()}

    def flush(self) -> None:
        """Write what waits."""
        for part, arrays in self._arrays.items():
            if arrays:
                block = np.concatenate(arrays).astype(TYPES[part][1]).tobytes()
                self._raw[part].write(block)
                self._hashes[part].update(block)
                arrays.clear()
        self.waiting_tokens = 0

    def finish(self) -> None:
        """Write `<name>.safetensors`; the flat files go."""
        self.flush()
        self.close()
        offsets = np.concatenate([[0], np.cumsum(self.lengths)]).astype("<i8")
        with (self._folder / f"{self._name}.safetensors").open("wb") as target:
            target.write(safetensors_header(len(self._lengths), int(offsets[-1])))
            target.write(offsets.tobytes())
            for part in self._raw:
                raw = self._folder / f"{self._name}.{part}.raw"
                with raw.open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
                raw.unlink()

    def close(self) -> None:
        """Close the files."""
        for file in self._raw.values():
            file.close()


class SplitWriter:
    """Takes the examples of one split in order. Memory holds one block, and of ratings a number a row.

    `digest` covers ids, tokens, weights, details where a row has any, and the answers that lost where they are encoded.
    """

    def __init__(self, folder: Path, split: str, *, paired: bool = False) -> None:
        self._own = TokenWriter(folder, split)
        self._lost = TokenWriter(folder, f"{split}.{REJECTED}") if paired else None
        self._ratings = Ratings(folder, split)
        self._table = pq.ParquetWriter(folder / f"{split}.parquet", SCHEMA)
        self._ids, self._details = hashlib.sha256(), hashlib.sha256()
        self._written, self._detailed = 0, 0
        self._rows: list[Row] = []

    def add(self, row: Row, example: Example, *, rejected: Example | None = None) -> None:
        """Append one example: its row, its tokens and weights, and of a pair the prompt with the answer that lost."""
        self._rows.append(row)
        self._own.add(example)
        self._ratings.add(row)
        if self._lost is not None and rejected is not None:
            self._lost.add(rejected)
        waiting = self._own.waiting_tokens + (self._lost.waiting_tokens if self._lost is not None else 0)
        if len(self._rows) >= BLOCK_ROWS or waiting >= BLOCK_TOKENS:
            self._flush()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example so far."""
        return self._own.lengths

    @property
    def digest(self) -> str:
        """Digest of the content: ids, lengths, tokens, weights and details, whatever the blocks were."""
        parts: dict[str, object] = {"ids": self._ids.hexdigest(), **self._own.digests}
        lengths = parts.pop("lengths")
        if self._detailed:
            parts["details"] = self._details.hexdigest()
        if self._lost is not None:
            parts[REJECTED] = self._lost.digests
        return hashlib.sha256(json.dumps([parts, lengths], sort_keys=True).encode()).hexdigest()

    def _flush(self) -> None:
        if not self._rows:
            return
        for writer in self._writers:
            writer.flush()
        self._ids.update("".join(row.id for row in self._rows).encode())
        for index, row in enumerate(self._rows, start=self._written):
            if row.details:
                self._details.update(canonical([index, row.details]) + b"\n")
                self._detailed += 1
        self._table.write_table(to_table(self._rows))
        self._written += len(self._rows)
        self._rows.clear()

    @property
    def _writers(self) -> list[TokenWriter]:
        return [self._own, *([self._lost] if self._lost is not None else [])]

    def finish(self) -> None:
        """Write the files of the split; the flat files go."""
        self._flush()
        self.__exit__()
        for writer in self._writers:
            writer.finish()
        self._ratings.finish()

    def __enter__(self) -> SplitWriter:
        """The open writer."""
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Close the files; also after a failure."""
        self._table.close()
        for writer in self._writers:
            writer.close()


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
