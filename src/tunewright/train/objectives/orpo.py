"""Odds-ratio preference optimisation (Hong et al., 2024, arXiv 2403.07691, equations 3 to 7)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.orpo import Options
from tunewright.train import pairs

LIKELIHOOD = "likelihood"


class Work:
    """The winner becomes likely, and its odds rise over the loser's."""

    metrics = pairs.METRICS

    def __init__(self, options: Options) -> None:
        self.options = options

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of the pairs' weights, for both terms."""
        weight = pairs.weight_sum(examples)[pairs.TERM]
        return {LIKELIHOOD: weight, pairs.TERM: weight}

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """The winner's mean cross-entropy, and beta times -log sigmoid of the log odds ratio, each as a sum."""
        means = pairs.answers(model, batch).means
        found = pairs.compared(_log_odds(means))
        weights = pairs.weights(batch, means)
        odds = pairs.term(-logsigmoid(found.margin), found, weights_E=weights, coefficient=self.options.beta)
        return {LIKELIHOOD: Term(-(weights * means[0::2]).sum()), pairs.TERM: odds}


def _log_odds(means: Tensor) -> Tensor:
    """log(p / (1 - p)) of p = exp(mean), exact where p is near 1."""
    return means - torch.log(-torch.expm1(means.clamp(max=-1e-12)))
