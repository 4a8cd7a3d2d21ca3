"""Simple preference optimisation (Meng et al., 2024, arXiv 2405.14734, equation 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.nn.functional import logsigmoid

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.simpo import Options
from tunewright.train import pairs


class Work:
    """A token of the winner is likelier than one of the loser, by a margin."""

    metrics = pairs.METRICS

    def __init__(self, options: Options) -> None:
        self.options = options

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of the pairs' weights."""
        return pairs.weight_sum(examples)

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """-log sigmoid(beta * (mean log p(w) - mean log p(l)) - gamma) of each pair, as a sum."""
        found = pairs.compared(self.options.beta * pairs.answers(model, batch).means)
        losses = -logsigmoid(found.margin - self.options.gamma)
        return {pairs.TERM: pairs.term(losses, found, weights_E=pairs.weights(batch, losses))}
