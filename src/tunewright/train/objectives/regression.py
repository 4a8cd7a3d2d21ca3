"""Regression: a head over the last token of the prompt, squared error of a number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from tunewright.core.ports import Encoded, Outputs, Term
from tunewright.models.forward import PackedBatch
from tunewright.models.heads import packed_outputs
from tunewright.recipe.options.objectives.regression import Options

TERM = "squared_error"


class Work:
    """One number, in units of the training targets' standard deviation while it trains."""

    metrics = ("absolute_error",)

    def __init__(self, options: Options) -> None:
        self.options = options

    def outputs(self, labels: Sequence[str]) -> Outputs:
        """One number, with mean and spread of the targets."""
        return Outputs("number", 1, tuple(labels))

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The number of examples."""
        return {TERM: float(len(examples))}

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """Squared error in units of the targets' variance, as a sum."""
        found = packed_outputs(model, batch).squeeze(-1)
        wanted = torch.tensor([each.beside["target"] for each in batch.examples]).view(-1).to(found)
        off = float((found - wanted).abs().detach().sum())
        return {TERM: Term(((found - wanted) ** 2).sum(), metrics={"absolute_error": off})}
