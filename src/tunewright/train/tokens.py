"""Cross-entropy of weighted tokens as one term: what supervised fine-tuning and pre-training share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch, packed_loss

TERM = "cross_entropy"
ACCURACY = "token_accuracy"


def weight_sum(examples: Sequence[Encoded]) -> dict[str, float]:
    """The sum of loss weights: what the step's loss is divided by."""
    return {TERM: float(sum(example.weights[1:].sum(dtype="float64") for example in examples))}


def cross_entropy(model: Any, batch: PackedBatch) -> dict[str, Term]:
    """One term: nats summed over the labelled positions; `right` is the weight of arg-max hits."""
    sums = packed_loss(model, batch)
    return {TERM: Term(sums.loss, metrics={ACCURACY: sums.right})}
