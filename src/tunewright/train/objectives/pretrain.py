"""Continued pre-training: cross-entropy of every token of a window but its first, as a sum."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.pretrain import Options
from tunewright.train.tokens import ACCURACY, cross_entropy, weight_sum


class Work:
    """Next-token prediction on plain text; windows were cut when rows were encoded."""

    metrics = (ACCURACY,)

    def __init__(self, options: Options) -> None:
        self.options = options

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The number of trained tokens: what the step's loss is divided by."""
        return weight_sum(examples)

    def terms(self, model: object, batch: PackedBatch) -> dict[str, Term]:
        """One term: nats summed over the labelled positions."""
        return cross_entropy(model, batch)
