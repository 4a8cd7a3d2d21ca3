"""Direct preference optimisation (Rafailov et al., 2023, arXiv 2305.18290, equation 7), with smoothed labels.

Label smoothing is that of conservative DPO (Mitchell, 2023, "A note on DPO with noisy preferences"); the term of the
winner's own likelihood that of Pang et al. (2024, arXiv 2404.19733).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray
from torch.nn.functional import logsigmoid

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.dpo import Options
from tunewright.train import pairs
from tunewright.train.tokens import TERM as LIKELIHOOD


class Work:
    """The winner's log-probability may rise over the reference's by more than the loser's."""

    metrics = pairs.METRICS

    def __init__(self, options: Options) -> None:
        self.options = options
        self.measured_by = options.reference
        self.measured_with: Mapping[str, Any] = {}

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of the pairs' weights, and of the winners' trained tokens."""
        tokens = sum(float(example.weights[1:].sum(dtype="float64")) for example in examples)
        return pairs.weight_sum(examples) | ({LIKELIHOOD: tokens} if self.options.likelihood else {})

    def measured(self, example: Encoded) -> Encoded:
        """Both answers."""
        return example

    def measure(self, model: Any, batch: PackedBatch) -> Sequence[Mapping[str, NDArray[Any]]]:
        """The reference's log-probabilities of both answers."""
        return pairs.reference(model, batch)

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """-log sigmoid(beta * ((log p(w) - log r(w)) - (log p(l) - log r(l)))) of each pair, as a sum."""
        scores = pairs.scores(model, batch)
        ratios = scores.answers.sums - pairs.beside(batch, pairs.REFERENCE, like=scores.answers.sums)
        found = pairs.compared(self.options.beta * ratios)
        noise = self.options.label_smoothing
        losses = -(1 - noise) * logsigmoid(found.margin) - noise * logsigmoid(-found.margin)
        terms = {pairs.TERM: pairs.term(losses, found, weights_E=pairs.weights(batch, losses))}
        if self.options.likelihood:
            terms[LIKELIHOOD] = Term(scores.winners_nats, self.options.likelihood)
        return terms
