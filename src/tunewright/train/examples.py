"""A split as an objective sees it: examples with their partners, and with what was measured of them before training."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core.ports import Encoded, Objective, Partnered, Row
from tunewright.data.dataset import Split
from tunewright.train.measured import Measured

TARGET = "target"
"""What a head is to say, in its own units: the number of a label, or a number less the mean over the spread."""


class Examples:
    """Examples of one split in order."""

    def __init__(
        self,
        split: Split,
        objective: Objective,
        *,
        measured: Measured | None = None,
        targets: NDArray[np.float64] | None = None,
    ) -> None:
        self.split, self.objective, self.measured, self.targets = split, objective, measured, targets

    def __len__(self) -> int:
        """Examples."""
        return len(self.split)

    def encoded(self, index: int) -> Encoded:
        """One example with what stands beside it."""
        example = self.split.encoded(index)
        if isinstance(self.objective, Partnered):
            partner = self.split.encoded((index - 1) % len(self.split))
            example = self.objective.with_partner(example, partner)
        beside: dict[str, Any] = dict(example.beside)
        if self.targets is not None:
            beside[TARGET] = float(self.targets[index])
        if self.measured is not None:
            beside |= self.measured.of(index)
        return replace(example, beside=beside) if beside else example

    def first(self, limit: int) -> list[Encoded]:
        """At most so many examples, the first."""
        return [self.encoded(index) for index in range(min(len(self), limit))]

    def row(self, index: int) -> Row:
        """The row of one example."""
        return self.split.row(index)

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example, all its sequences together [N]."""
        if self.split.rejected is None:
            return self.split.lengths
        return self.split.lengths + np.diff(self.split.rejected["offsets"])
