"""Kahneman-Tversky optimisation (Ethayarajh et al., 2024, arXiv 2402.01306, equations 7 and 8).

Single answers, good or bad. The reference point z is the mean over a step of how far the model prefers mismatched
answers more than the reference does, at least 0; the mismatched answer of an example is that of the example before it
in the data set, where TRL takes the one before it in the batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch
from tunewright.recipe.options.objectives.kto import Options
from tunewright.train import pairs

TERM = "utility"
MISMATCHED = "mismatched"
DRIFT, DRIFTERS = "drift", "drifters"


class Work:
    """Good answers become likelier than the reference point, bad ones less likely."""

    metrics = ("accuracy", "desirable_reward", "undesirable_reward")
    sums = (DRIFT, DRIFTERS)

    def __init__(self, options: Options) -> None:
        self.options = options
        self.measured_by = options.reference
        self.measured_with: Mapping[str, Any] = {}

    def with_partner(self, example: Encoded, partner: Encoded) -> Encoded:
        """The example, and its prompt with the partner's answer; no longer than the longer of the two."""
        ours, theirs = _answer_at(example), _answer_at(partner)
        room = max(1, max(len(example.tokens), len(partner.tokens)) - ours)
        answer = slice(theirs, theirs + room)
        tokens = np.concatenate([example.tokens[:ours], partner.tokens[answer]])
        weights = np.concatenate([np.zeros(ours, np.float32), partner.weights[answer]])
        return replace(example, beside={**example.beside, MISMATCHED: Encoded(tokens, weights, example.index)})

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of the examples' weights."""
        return {TERM: pairs.weight_sum(examples)[pairs.TERM]}

    def measured(self, example: Encoded) -> Encoded:
        """The answer and the mismatched one, after the same prompt."""
        return replace(example, rejected=example.beside[MISMATCHED])

    def measure(self, model: Any, batch: PackedBatch) -> Sequence[Mapping[str, NDArray[Any]]]:
        """The reference's log-probabilities of both."""
        return pairs.reference(model, batch)

    def prepared(self, examples: Sequence[Encoded]) -> Sequence[Encoded]:
        """The mismatched answers."""
        return [replace(each.beside[MISMATCHED], beside=each.beside) for each in examples]

    def prepare(self, model: Any, batch: PackedBatch) -> Mapping[str, float]:
        """How far the model prefers mismatched answers over the reference, summed, and of how many."""
        training = model.training
        model.eval()
        found = pairs.answers(model, batch).sums
        model.train(training)
        theirs = torch.tensor([each.beside[pairs.REFERENCE][1] for each in batch.examples])
        return {DRIFT: float((found - theirs.to(found)).sum()), DRIFTERS: float(len(batch.examples))}

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """weight * (1 - sigmoid(beta * (ratio - z))) of good answers, with the sign turned of bad ones, as a sum."""
        found = pairs.answers(model, batch).sums
        theirs = torch.tensor([each.beside[pairs.REFERENCE][0] for each in batch.examples])
        point = max(0.0, batch.step[DRIFT] / batch.step[DRIFTERS])
        good = torch.tensor([bool(each.desirable) for each in batch.examples], device=found.device)
        ratios = found - theirs.to(found)
        sign = torch.where(good, 1.0, -1.0).to(found)
        scale = torch.where(good, self.options.desirable_weight, self.options.undesirable_weight).to(found)
        losses = scale * (1 - torch.sigmoid(sign * self.options.beta * (ratios - point)))
        weights = pairs.weights(batch, found)
        rewards = self.options.beta * ratios.detach()
        metrics = {
            "accuracy": float((weights * (sign * (ratios.detach() - point) > 0)).sum()),
            "desirable_reward": float((weights * rewards)[good].sum()),
            "undesirable_reward": float((weights * rewards)[~good].sum()),
        }
        return {TERM: Term((weights * losses).sum(), metrics=metrics)}


def _answer_at(example: Encoded) -> int:
    """Where the trained tokens of an example begin."""
    return int(np.argmax(example.weights != 0))
