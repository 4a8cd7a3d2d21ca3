"""Sequence classification: a head over the last token of the prompt, cross-entropy of the label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from tunewright.core.ports import Encoded, Outputs, Term
from tunewright.models.forward import PackedBatch
from tunewright.models.heads import packed_outputs
from tunewright.recipe.options.objectives.classification import Options

TERM = "cross_entropy"


class Work:
    """One score a label."""

    metrics = ("accuracy",)

    def __init__(self, options: Options) -> None:
        self.options = options

    def outputs(self, labels: Sequence[str]) -> Outputs:
        """As many numbers as there are labels."""
        return Outputs("classes", len(labels), tuple(labels))

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The number of examples."""
        return {TERM: float(len(examples))}

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """Nats of the right label, as a sum."""
        scores = packed_outputs(model, batch)
        wanted = torch.tensor([each.beside["target"] for each in batch.examples], device=scores.device).long().view(-1)
        losses = cross_entropy(scores, wanted, reduction="none", label_smoothing=self.options.label_smoothing)
        right = float((scores.argmax(-1) == wanted).sum())
        return {TERM: Term(losses.sum(), metrics={"accuracy": right})}
