"""Supervised fine-tuning: cross-entropy of the trained tokens, as a sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch, packed_loss
from tunewright.recipe.options.objectives.sft import Options

TERM = "cross_entropy"


class Work:
    """Next-token prediction where the data say so; which tokens those are was decided when rows were encoded."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of loss weights: what the step's loss is divided by."""
        return {TERM: float(sum(example.weights[1:].sum(dtype="float64") for example in examples))}

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """One term: nats summed over the labelled positions; `right` is the weight of arg-max hits."""
        sums = packed_loss(model, batch)
        return {TERM: Term(sums.loss, metrics={"right": sums.right})}
