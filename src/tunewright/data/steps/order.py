"""The order of training rows; the run keeps it in its first pass."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import Phase, Row, StepResult
from tunewright.data.context import Asking, Context
from tunewright.data.draw import drawn
from tunewright.data.groups import values_of
from tunewright.data.losses import base_losses
from tunewright.data.shelf import wholes
from tunewright.data.token_counts import asked_counts
from tunewright.recipe.options.steps.order import Options


class Work(Asking):
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def parents(self, context: Context) -> list[str]:
        """The base model, where it decides."""
        return [context.model_digest] if self.options.by == "loss" else []

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """The same rows, training rows in their order: by stage, in it drawn or by value; among equals drawn.

        Rows without a value come last. Raises UserError where no row has one.
        """
        train = rows.get("train", [])
        order = drawn(train, range(len(train)), seed=self.options.seed)
        if self.options.by != "shuffled":
            values = self._values(train)
            sign = 1 if self.options.first == "lowest" else -1
            order.sort(key=lambda place: self._rank(values[place], sign))
        return StepResult({**rows, "train": [train[place] for place in order]}, [], {})

    def _rank(self, value: float, sign: int) -> tuple[bool, float]:
        if math.isnan(value):
            return True, 0.0
        stages = self.options.stages
        return False, sign * (bisect_left(stages, value) if stages else value)

    def _values(self, rows: Sequence[Any]) -> Sequence[float]:
        by = self.options.by
        if by == "characters":
            return [sum(len(turn.get("content", "")) for turn in row.messages) for row in wholes(rows)]
        if by == "loss":
            return base_losses(rows, self._context, stage="order")
        if by == "column":
            found = values_of(rows, self.options.column or "", where="data.steps.order.column")
            return [_number(text, row) if text else math.nan for text, row in zip(found, rows, strict=True)]
        return asked_counts(rows, self._context, where="data.steps.order.by")


def _number(text: str, row: Any) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise UserError(
            f'"{text[:40]}" is no number to order rows by.', where=f"{row.source}:{row.line}", do="Mend the column."
        ) from error
