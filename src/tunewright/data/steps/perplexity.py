"""Training rows by how likely the base model finds their answers.

Perplexity is exp of the mean loss of the trained tokens. Instruction-following difficulty (Li et al. 2024, "From
Quantity to Quality") is that loss divided by the loss of the same answer without its question.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from tunewright.core.ports import Gone, Message, Phase, Row, StepResult
from tunewright.data.context import Asking, Context
from tunewright.data.losses import base_losses
from tunewright.data.rows import with_column
from tunewright.data.shelf import wholes
from tunewright.recipe.options.steps.perplexity import Options

REASON, IFD_REASON, COLUMN, IFD = "perplexity", "perplexity.ifd", "perplexity", "ifd"
HIGHEST_LOSS = 700.0
"""In nats: beyond it the perplexity is no number any more."""


class Work(Asking):
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def parents(self, context: Context) -> list[str]:
        """The base model, where it is asked."""
        return [context.model_digest] if self._asks else []

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Training rows inside the limits; rows without a token to train stay. Other splits stay as they are."""
        if not self._asks:
            return StepResult(rows, [], {})
        train = rows.get("train", [])
        losses = base_losses(train, self._context, stage="perplexity")
        alone = self._alone(train) if self._asks_twice else [math.nan] * len(train)
        kept: list[Row] = []
        gone: list[Gone] = []
        for row, loss, bare in zip(train, losses, alone, strict=True):
            perplexity, difficulty = math.exp(min(loss, HIGHEST_LOSS)), (loss / bare if bare else math.nan)
            if reason := self._broken(perplexity, difficulty):
                gone.append(Gone(row, "train", "dropped", reason))
            else:
                kept.append(self._scored(row, perplexity, difficulty))
        return StepResult({**rows, "train": kept}, gone, {})

    @property
    def _asks_twice(self) -> bool:
        options = self.options
        return options.ifd_at_most is not None or options.ifd_at_least is not None or options.keep_score

    @property
    def _asks(self) -> bool:
        return self._asks_twice or self.options.at_most is not None or self.options.at_least is not None

    def _alone(self, rows: Sequence[Any]) -> list[float]:
        """Losses of the answers after an empty question."""
        return base_losses([unasked(row) for row in wholes(rows)], self._context, stage="perplexity")

    def _broken(self, perplexity: float, difficulty: float) -> str:
        options = self.options
        if _outside(perplexity, options.at_least, options.at_most):
            return REASON
        return IFD_REASON if _outside(difficulty, options.ifd_at_least, options.ifd_at_most) else ""

    def _scored(self, row: Row, perplexity: float, difficulty: float) -> Row:
        if not self.options.keep_score or math.isnan(perplexity):
            return row
        whole = next(iter(wholes([row])))
        return with_column(with_column(whole, COLUMN, value=f"{perplexity:.3g}"), IFD, value=f"{difficulty:.3f}")


def unasked(row: Row) -> Row:
    """The row with its last answer after an empty user turn, a system turn before it left out."""
    empty = cast("Message", {"role": "user", "content": ""})
    return row if len(row.messages) == 1 else replace(row, messages=(empty, row.messages[-1]))


def _outside(value: float, low: float | None, high: float | None) -> bool:
    return (low is not None and value < low) or (high is not None and value > high)
