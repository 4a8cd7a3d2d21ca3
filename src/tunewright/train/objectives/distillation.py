"""Distillation (Hinton et al., 2015, arXiv 1503.02531): the model learns a teacher's next-token distributions.

The teacher's likeliest tokens are computed once and kept, so that no second model is held while this one trains.
Reverse divergence is that of Gu et al. (2023, arXiv 2306.08543), over given answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from tunewright.core.ports import Encoded, Term
from tunewright.models.divergence import Likeliest, divergence, likeliest
from tunewright.models.forward import PackedBatch, causal_lm, packed_hidden, packed_log_probabilities
from tunewright.recipe.options.objectives.distillation import Options
from tunewright.train.tokens import TERM as LIKELIHOOD
from tunewright.train.tokens import weight_sum

TERM = "divergence"
TOKENS, VALUES = "teacher_tokens", "teacher_log_probabilities"


class Work:
    """At each trained token the divergence of two distributions, and if asked for the token's own cross-entropy."""

    metrics = ("divergence",)

    def __init__(self, options: Options) -> None:
        self.options = options

    @property
    def measured_by(self) -> Literal["start", "base", "teacher"]:
        """A teacher of its own, or the model as it begins."""
        return "teacher" if self.options.teacher else "start"

    @property
    def measured_with(self) -> Mapping[str, Any]:
        """How much is kept of the teacher's distributions, and at which temperature."""
        return {"top_tokens": self.options.top_tokens, "temperature": self.options.temperature}

    @property
    def teacher(self) -> str | None:
        """Name of the teacher, none for the model itself."""
        return self.options.teacher

    def counts(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """The sum of loss weights of the trained tokens."""
        weight = weight_sum(examples)[LIKELIHOOD]
        return {TERM: weight} | ({LIKELIHOOD: weight} if self.options.likelihood else {})

    def measured(self, example: Encoded) -> Encoded:
        """The example itself."""
        return example

    def measure(self, model: Any, batch: PackedBatch) -> Sequence[Mapping[str, NDArray[Any]]]:
        """Ids and log-probabilities of the teacher's likeliest tokens at each trained position, flat."""
        head = causal_lm(model).get_output_embeddings().weight
        states = packed_hidden(model, batch).index_select(0, batch.labelled)
        count = min(self.options.top_tokens, len(head))
        found = likeliest(states, head, count=count, temperature=self.options.temperature)
        ends = np.cumsum(np.bincount(batch.sequence_of.cpu().numpy(), minlength=len(batch.last)))[:-1]
        ids = np.split(found.tokens.cpu().numpy(), ends)
        values = np.split(found.log_probabilities.cpu().numpy(), ends)
        return [{TOKENS: a.reshape(-1), VALUES: b.reshape(-1)} for a, b in zip(ids, values, strict=True)]

    def terms(self, model: Any, batch: PackedBatch) -> dict[str, Term]:
        """temperature squared times the divergence, and the cross-entropy, both weighted and summed over tokens."""
        hidden_TC = packed_hidden(model, batch)
        head = causal_lm(model).get_output_embeddings().weight
        options = self.options
        far = divergence(
            hidden_TC.index_select(0, batch.labelled),
            head,
            teacher=_known(batch, hidden_TC.device),
            temperature=options.temperature,
            direction=options.direction,
        )
        weighted = (far * batch.weights.to(far.dtype)).sum()
        terms = {TERM: Term(options.temperature**2 * weighted, metrics={"divergence": float(weighted.detach())})}
        if options.likelihood:
            found = packed_log_probabilities(model, batch, hidden_TC=hidden_TC).log_probabilities
            terms[LIKELIHOOD] = Term(-(found * batch.weights.to(found.dtype)).sum(), options.likelihood)
        return terms


def _known(batch: PackedBatch, device: torch.device) -> Likeliest:
    """What the teacher said of the positions of a pack."""
    ids = np.concatenate([example.beside[TOKENS] for example in batch.examples])
    values = np.concatenate([example.beside[VALUES] for example in batch.examples])
    count = len(ids) // max(1, len(batch.labelled))
    return Likeliest(
        torch.from_numpy(ids.reshape(-1, count)).to(device), torch.from_numpy(values.reshape(-1, count)).to(device)
    )
