"""Which examples make which step: a pure function of the number of rows, the options and the seed.

So the position in the data is one number, the step, and a resumed run sees the same rows.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import UserError

Kind = Literal["shuffled", "first_as_given", "as_given"]
"""`first_as_given`: the first epoch in the order of the data set, later ones shuffled; `as_given`: every epoch so."""


@dataclass(frozen=True)
class Order:
    """The order of rows over epochs; each row once an epoch, the last step of an epoch may be smaller."""

    rows: int
    batch_size: int
    seed: int
    kind: Kind = "shuffled"

    @property
    def steps_per_epoch(self) -> int:
        """Steps until every row was seen once."""
        return math.ceil(self.rows / self.batch_size)

    def total_steps(self, *, epochs: float, max_steps: int | None) -> int:
        """Steps of a run; `max_steps` wins over `epochs`."""
        return max_steps if max_steps is not None else max(1, round(epochs * self.steps_per_epoch))

    def epoch_of(self, step: int) -> int:
        """The epoch (from 0) that a step (from 1) belongs to."""
        return (step - 1) // self.steps_per_epoch

    def rows_of(self, step: int) -> NDArray[np.int64]:
        """Row numbers of a step (from 1)."""
        start = (step - 1) % self.steps_per_epoch * self.batch_size
        return self._permutation(self.epoch_of(step))[start : start + self.batch_size]

    def _permutation(self, epoch: int) -> NDArray[np.int64]:
        if self.kind == "as_given" or (self.kind == "first_as_given" and epoch == 0):
            return np.arange(self.rows)
        return np.random.Generator(np.random.Philox(key=[self.seed, epoch])).permutation(self.rows)


def micro_batches(rows: NDArray[np.int64], lengths: NDArray[np.int64], *, budget_tokens: int) -> Iterator[list[int]]:
    """The rows of a step in packs of at most `budget_tokens`, similar lengths together; no row is cut.

    Raises UserError when one row alone is over the budget.
    """
    by_length = rows[np.lexsort((rows, lengths[rows]))]
    check_longest(int(lengths[by_length[-1]]), budget_tokens=budget_tokens)
    pack: list[int] = []
    used = 0
    for row in by_length:
        if pack and used + lengths[row] > budget_tokens:
            yield pack
            pack, used = [], 0
        pack.append(int(row))
        used += int(lengths[row])
    yield pack


def check_longest(longest_tokens: int, *, budget_tokens: int) -> None:
    """Raise UserError when one row alone is over the budget of a pass."""
    if longest_tokens > budget_tokens:
        raise UserError(
            f"the longest example has {longest_tokens} tokens, more than one pass may hold ({budget_tokens}).",
            where="training.micro_batch_tokens",
            do="Raise it to data.max_tokens, or lower data.max_tokens.",
        )
