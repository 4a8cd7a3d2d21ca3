"""Supervised fine-tuning: cross-entropy of the trained tokens, as a sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.sft import Options
from tunewright.train.tokens import ACCURACY, cross_entropy, weight_sum


class Work:
    """Next-token prediction where the data say so; which tokens those are was decided when rows were encoded."""

    metrics = (ACCURACY,)

    def __init__(self, options: Options) -> None:
        self.options = options

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of loss weights: what the step's loss is divided by."""
        return weight_sum(examples)

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """One term: nats summed over the labelled positions; `right` is the weight of arg-max hits."""
        return cross_entropy(model, batch)
