"""What rows are worth, as numbers beside their tokens: `<split>.ratings.safetensors`, where a row has any.

N examples. `rating` float32 [N] and `margin` float32 [N], NaN where a row has none; `desirable` int8 [N]: 1 for good,
0 for not good, -1 where nobody said.
"""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from tunewright.core.ports import Row
from tunewright.data.seal import damaged

RATINGS = "ratings"
UNKNOWN = -1


class Ratings:
    """Takes the ratings of one split in order; the file is written only where a row has one."""

    def __init__(self, folder: Path, split: str) -> None:
        self._path = folder / f"{split}.{RATINGS}.safetensors"
        self._rating, self._margin, self._desirable = array("f"), array("f"), array("b")
        self._any = False

    def add(self, row: Row) -> None:
        """Remember what a row is worth."""
        details = row.details
        self._any = self._any or not {"rating", "margin", "desirable"}.isdisjoint(details)
        self._rating.append(details.get("rating", math.nan))
        self._margin.append(details.get("margin", math.nan))
        self._desirable.append(int(details.get("desirable", UNKNOWN)))

    def finish(self) -> None:
        """Write the file."""
        if self._any:
            found = {
                "desirable": np.array(self._desirable, np.int8),
                "margin": np.array(self._margin, np.float32),
                "rating": np.array(self._rating, np.float32),
            }
            save_file(found, self._path)


class Worth:
    """The ratings of a split, read from its folder."""

    def __init__(self, folder: Path, split: str, *, rows: int) -> None:
        """Raises OutsideError when the file is damaged."""
        path = folder / f"{split}.{RATINGS}.safetensors"
        self._known: dict[str, NDArray[Any]] = {}
        if path.is_file():
            try:
                self._known = load_file(path)
            except (OSError, SafetensorError) as error:
                raise damaged(path) from error
            if {len(values) for values in self._known.values()} != {rows}:
                raise damaged(path)

    def number(self, name: str, index: int) -> float | None:
        """The `rating` or `margin` of a row, None where it has none."""
        value = float(self._known[name][index]) if name in self._known else math.nan
        return None if math.isnan(value) else value

    def desirable(self, index: int) -> bool | None:
        """Whether an answer counts as good, None where nobody said."""
        value = int(self._known["desirable"][index]) if "desirable" in self._known else UNKNOWN
        return None if value == UNKNOWN else value == 1

    def values(self, name: str) -> NDArray[Any]:
        """All of one kind [N]; empty where the split has none."""
        return self._known.get(name, np.zeros(0, np.float32))
