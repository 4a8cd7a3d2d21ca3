"""What objectives over preference pairs share: log-probabilities of both answers, weights, and the reference's.

Shapes: A sequences (winner 2i, loser 2i + 1), E examples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.ports import Encoded, Term
from tunewright.models.forward import PackedBatch, packed_log_probabilities

TERM = "preference"
REFERENCE = "reference_log_probabilities"
METRICS = ("preference_accuracy", "margin", "chosen", "rejected")


class Answers(NamedTuple):
    """Log-probabilities of answers [A], summed over their tokens, and how many tokens each has [A]."""

    sums: Tensor
    tokens: Tensor

    @property
    def means(self) -> Tensor:
        """Mean log-probability a token [A]."""
        return self.sums / self.tokens


class Scores(NamedTuple):
    """Of a pack of pairs: the answers, and the winners' cross-entropy in nats, weighted, as one sum."""

    answers: Answers
    winners_nats: Tensor


def scores(model: Any, batch: PackedBatch) -> Scores:
    """Log-probabilities of the trained tokens of every sequence in a pack, in nats."""
    found = packed_log_probabilities(model, batch).log_probabilities
    of_winners = batch.weights.to(found.dtype) * (batch.sequence_of % 2 == 0)
    return Scores(Answers(batch.summed(found), batch.summed(torch.ones_like(found))), -(of_winners * found).sum())


def answers(model: Any, batch: PackedBatch) -> Answers:
    """Log-probabilities of the trained tokens of every sequence in a pack, in nats."""
    return scores(model, batch).answers


def weight_of(example: Encoded) -> float:
    """The weight of an example: the largest of its tokens'."""
    return float(example.weights.max(initial=0.0))


def weights(batch: PackedBatch, like: Tensor) -> Tensor:
    """The weights of a pack's examples [E]."""
    return torch.tensor([weight_of(example) for example in batch.examples], dtype=like.dtype, device=like.device)


def weight_sum(examples: Sequence[Encoded]) -> dict[str, float]:
    """The sum of the examples' weights: what a step's loss is divided by."""
    return {TERM: sum(weight_of(example) for example in examples)}


def beside(batch: PackedBatch, name: str, *, like: Tensor) -> Tensor:
    """What stands beside the examples of a pack under a name, one behind the other."""
    values = np.concatenate([example.beside[name] for example in batch.examples])
    return torch.from_numpy(values).to(like.device, like.dtype)


def reference(model: Any, batch: PackedBatch) -> list[Mapping[str, NDArray[Any]]]:
    """Log-probabilities of each example's sequences under a model, for `Encoded.beside`."""
    sums = answers(model, batch).sums.double().cpu().numpy()
    counts = np.cumsum([1 if example.rejected is None else 2 for example in batch.examples])[:-1]
    return [{REFERENCE: part} for part in np.split(sums, counts)]


class Compared(NamedTuple):
    """How far a model prefers the winner, and the two quantities that this is the difference of [E]."""

    margin: Tensor
    chosen: Tensor
    rejected: Tensor


def term(losses_E: Tensor, compared: Compared, *, weights_E: Tensor, coefficient: float = 1.0) -> Term:
    """A weighted sum of losses, with how often and how far winners are preferred."""
    values = [(compared.margin > 0).to(losses_E.dtype), *compared]
    sums = [float((weights_E * value.detach()).sum()) for value in values]
    return Term((weights_E * losses_E).sum(), coefficient, dict(zip(METRICS, sums, strict=True)))


def compared(values_A: Tensor) -> Compared:
    """Winners against losers of quantities of sequences."""
    chosen, rejected = values_A[0::2], values_A[1::2]
    return Compared(chosen - rejected, chosen, rejected)
