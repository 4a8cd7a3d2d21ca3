"""Identity preference optimisation (Azar et al., 2023, arXiv 2310.12036, equation 17).

Log-probabilities are means a token, as in the authors' own results (TRL follows them, too): sums would make the wanted
margin depend on length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.ipo import Options
from tunewright.train import pairs


class Work:
    """The margin over the reference goes to 1 / (2 beta), and no further."""

    metrics = pairs.METRICS

    def __init__(self, options: Options) -> None:
        self.options = options
        self.measured_by = options.reference
        self.measured_with: Mapping[str, Any] = {}

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of the pairs' weights."""
        return pairs.weight_sum(examples)

    def measured(self, example: Encoded) -> Encoded:
        """Both answers."""
        return example

    def measure(self, model: Any, batch: PackedBatch) -> Sequence[Mapping[str, NDArray[Any]]]:
        """The reference's log-probabilities of both answers."""
        return pairs.reference(model, batch)

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """(margin - 1 / (2 beta)) squared of each pair, as a sum."""
        found = pairs.answers(model, batch)
        ratios = (found.sums - pairs.beside(batch, pairs.REFERENCE, like=found.sums)) / found.tokens
        compared = pairs.compared(ratios)
        losses = (compared.margin - 1 / (2 * self.options.beta)) ** 2
        return {pairs.TERM: pairs.term(losses, compared, weights_E=pairs.weights(batch, losses))}
