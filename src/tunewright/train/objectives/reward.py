"""A reward model by pairs (Bradley and Terry, 1952; Ouyang et al., 2022, arXiv 2203.02155, equation 1), with margins.

Margins are those of Touvron et al. (2023, arXiv 2307.09288, equation 2), the pull towards zero that of Eisenstein et
al. (2023, arXiv 2312.09244).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import logsigmoid

from tunewright.core.ports import Encoded, Outputs, Term
from tunewright.models.forward import PackedBatch
from tunewright.models.heads import packed_outputs
from tunewright.recipe.options.objectives.reward import Options
from tunewright.train import pairs

CENTRE = "centre"


class Work:
    """A head over the last token scores answers; winners score higher."""

    metrics = pairs.METRICS

    def __init__(self, options: Options) -> None:
        self.options = options

    def outputs(self, labels: Sequence[str]) -> Outputs:
        """One number."""
        del labels
        return Outputs("reward", 1)

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of the pairs' weights, for both terms."""
        weight = pairs.weight_sum(examples)[pairs.TERM]
        return {pairs.TERM: weight} | ({CENTRE: weight} if self.options.centre else {})

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """-log sigmoid(r(w) - r(l) - margin) of each pair, as a sum; and centre * (r(w) + r(l)) squared."""
        found = pairs.compared(packed_outputs(model, batch).squeeze(-1))
        margins = torch.tensor([each.margin or 0.0 for each in batch.examples]).to(found.margin)
        losses = -logsigmoid(found.margin - self.options.margin * margins)
        weights = pairs.weights(batch, losses)
        terms = {pairs.TERM: pairs.term(losses, found, weights_E=weights)}
        if self.options.centre:
            pull = (weights * (found.chosen + found.rejected) ** 2).sum()
            terms[CENTRE] = Term(pull, self.options.centre)
        return terms
