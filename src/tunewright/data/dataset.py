"""A DatasetVersion opened for reading: tokens memory-mapped, rows read from Parquet when asked for.

T tokens of all examples of a split in a row, N examples.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tunewright.core.errors import OutsideError, UserError
from tunewright.core.nouns import DatasetVersion
from tunewright.core.ports import Encoded, Row
from tunewright.core.workspace import Workspace
from tunewright.data.carry import to_row
from tunewright.data.ratings import Worth
from tunewright.data.retention import refuse_deleted
from tunewright.data.rows import SPLITS
from tunewright.data.seal import check_seal, damaged
from tunewright.data.store import REJECTED, TYPES


def open_dataset(workspace: Workspace, version: DatasetVersion) -> Dataset:
    """The prepared data of a record.

    Raises OutsideError when its folder is gone or a file of it is damaged, UserError when its time was over.
    """
    folder = workspace.datasets / version.name
    refuse_deleted(folder)
    if not folder.is_dir():
        raise OutsideError(
            "the prepared data are gone.", where=str(folder), do="Run the `data` command again.", retry="useless"
        )
    check_seal(folder)
    return Dataset(folder, version)


class Dataset:
    """Splits by name: train, validation and test; one may be empty."""

    def __init__(self, folder: Path, version: DatasetVersion) -> None:
        self.folder = folder
        self.version = version
        self._open: dict[str, Split] = {}

    def split(self, name: str) -> Split:
        """One split. Raises UserError for a name that is none."""
        if name not in SPLITS:
            raise UserError(f'no split is called "{name}".', do=f"There is: {', '.join(SPLITS)}.")
        if name not in self._open:
            self._open[name] = Split(self.folder, name)
        return self._open[name]


class Split:
    """Examples of one split in order."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        arrays = map_arrays(folder / f"{name}.safetensors")
        self.offsets: NDArray[np.int64] = arrays["offsets"]
        self.tokens: NDArray[np.int32] = arrays["tokens"]
        self.weights: NDArray[np.float32] = arrays["weights"]
        lost = folder / f"{name}.{REJECTED}.safetensors"
        self.rejected: dict[str, Any] | None = map_arrays(lost) if lost.is_file() else None
        self.worth = Worth(folder, name, rows=len(self))
        self._parquet = folder / f"{name}.parquet"
        self._group: tuple[int, pa.Table] | None = None

    def __len__(self) -> int:
        """Examples."""
        return len(self.offsets) - 1

    def encoded(self, index: int) -> Encoded:
        """Tokens and weights of one example, views of the file; with what it is worth, and the answer that lost."""
        begin, end = int(self.offsets[self._place(index)]), int(self.offsets[index + 1])
        numbers = (self.worth.number("rating", index), self.worth.desirable(index), self.worth.number("margin", index))
        return Encoded(self.tokens[begin:end], self.weights[begin:end], index, self._lost(index), *numbers)

    def _lost(self, index: int) -> Encoded | None:
        """Of a pair the prompt with the answer that lost."""
        if self.rejected is None:
            return None
        offsets, tokens, weights = (self.rejected[name] for name in ("offsets", "tokens", "weights"))
        begin, end = int(offsets[index]), int(offsets[index + 1])
        return Encoded(tokens[begin:end], weights[begin:end], index)

    def row(self, index: int) -> Row:
        """The row of one example; neighbours are read together and remembered."""
        self._place(index)
        number = int(np.searchsorted(self._group_ends, index, side="right"))
        if self._group is None or self._group[0] != number:
            self._group = (number, self._file.read_row_group(number))
        begin = int(self._group_ends[number - 1]) if number else 0
        values: dict[str, Any] = self._group[1].slice(index - begin, 1).to_pylist()[0]
        return to_row(values)

    def standing(self, ids: Collection[str]) -> set[str]:
        """Which of these row ids stand here; nothing but ids is read. Raises OutsideError when the file is damaged."""
        wanted, found = frozenset(ids), set[str]()
        try:
            for group in range(len(self._group_ends)):
                found |= wanted.intersection(self._file.read_row_group(group, columns=["id"])["id"].to_pylist())
        except (OSError, pa.ArrowException) as error:
            raise damaged(self._parquet) from error
        return found

    @cached_property
    def labels(self) -> list[str | None]:
        """The label of each example [N]; nothing else is read. Raises OutsideError when the file is damaged."""
        try:
            return self._file.read(columns=["label"])["label"].to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise damaged(self._parquet) from error

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example [N]."""
        return np.diff(self.offsets)

    @cached_property
    def trained(self) -> NDArray[np.float64]:
        """Sum of the loss weights of each example [N]."""
        if not len(self):
            return np.zeros(0)
        return np.add.reduceat(self.weights, self.offsets[:-1], dtype=np.float64)

    @cached_property
    def _file(self) -> pq.ParquetFile:
        return pq.ParquetFile(self._parquet)

    @cached_property
    def _group_ends(self) -> NDArray[np.int64]:
        metadata = self._file.metadata
        return np.cumsum([metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)])

    def _place(self, index: int) -> int:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.name} has {len(self)} rows; {index} is none of them")
        return index


def map_arrays(path: Path) -> dict[str, Any]:
    """The arrays of a file, memory-mapped read-only. Raises OutsideError when the file is not whole."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        ends = [header[name]["data_offsets"][1] for name in TYPES]
        whole = path.stat().st_size == 8 + size + max(ends)
    except (OSError, ValueError, KeyError) as error:
        raise damaged(path) from error
    if not whole:
        raise damaged(path)
    return {
        name: map_array(path, kind, offset=8 + size + header[name]["data_offsets"][0], size=header[name]["shape"][0])
        for name, (_, kind) in TYPES.items()
    }


def map_array(path: Path, kind: str, *, offset: int, size: int) -> Any:
    """One array; an empty one cannot be mapped and is made."""
    if not size:
        return np.zeros(0, kind)
    return np.memmap(path, kind, "r", offset, (size,)).view(np.ndarray)  # plain views are cheaper to slice
