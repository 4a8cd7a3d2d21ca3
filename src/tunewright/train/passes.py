"""What a step computes over all ranks: gradients of its examples, and sums of a validation.

A term of a loss is a sum, divided once by its count over the whole step: so neither the division into passes nor the
division among ranks changes anything but rounding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import torch

from tunewright.core.ports import Encoded, Objective, WholeStep
from tunewright.models.forward import pack
from tunewright.train.anchor import Anchor
from tunewright.train.batches import micro_batches
from tunewright.train.masters import Masters
from tunewright.train.world import World


class Scores(NamedTuple):
    """Of some examples: the loss, and each metric as a mean over the items of its term."""

    loss: float
    metrics: dict[str, float]


@dataclass(frozen=True)
class Passes:
    """Runs examples through the model in packs of at most `budget_tokens`, each rank its share."""

    model: Any
    masters: Masters
    objective: Objective
    world: World
    budget_tokens: int
    anchor: Anchor | None = None

    def gradients(self, examples: Sequence[Encoded], *, seed: int) -> float:
        """Add up a step's gradients in the masters of every rank; returns the step's loss. `seed` is for dropout."""
        counts = self.objective.counts(examples)
        step = self._prepared(examples)
        total = 0.0
        for part in self._packs(examples):
            batch = replace(pack(part, seed=seed, device=self.device), step=step)
            terms = self.objective.terms(self.model, batch)
            parts = [term.coefficient * term.sum / counts[name] for name, term in terms.items()]
            loss = torch.stack(parts).sum()
            loss.backward()
            total += float(loss.detach())
        self.world.add_up(self.masters.gradients() if self.world.size > 1 else ())
        held = self.anchor.add(self.masters) if self.anchor is not None else 0.0
        return self.world.sums(total)[0] + held

    def scores(self, examples: Sequence[Encoded]) -> Scores:
        """Loss and metrics of examples, without gradients."""
        counts = self.objective.counts(examples)
        step = self._prepared(examples)
        loss = 0.0
        metrics: dict[str, float] = {}
        with torch.no_grad():
            for part in self._packs(examples):
                batch = replace(pack(part, device=self.device), step=step)
                for name, term in self.objective.terms(self.model, batch).items():
                    loss += term.coefficient * float(term.sum) / counts[name]
                    for metric, value in term.metrics.items():
                        metrics[metric] = metrics.get(metric, 0.0) + value / counts[name]
        names = self.objective.metrics
        summed = self.world.sums(loss, *(metrics.get(name, 0.0) for name in names))
        return Scores(summed[0], dict(zip(names, summed[1:], strict=True)))

    def _prepared(self, examples: Sequence[Encoded]) -> dict[str, float]:
        """What the objective needs over the whole step, summed over packs and ranks."""
        if not isinstance(self.objective, WholeStep):
            return {}
        found: dict[str, float] = {}
        with torch.no_grad():
            for part in self._packs(self.objective.prepared(examples)):
                for name, value in self.objective.prepare(self.model, pack(part, device=self.device)).items():
                    found[name] = found.get(name, 0.0) + value
        names = self.objective.sums
        return dict(zip(names, self.world.sums(*(found.get(name, 0.0) for name in names)), strict=True))

    def _packs(self, examples: Sequence[Encoded]) -> list[list[Encoded]]:
        """This rank's examples in packs, similar lengths together."""
        lengths = np.array([example.length for example in examples])
        mine = np.array(self.world.share(lengths.tolist()), dtype=np.int64)
        if not len(mine):
            return []
        packs = micro_batches(mine, lengths, budget_tokens=self.budget_tokens)
        return [[examples[row] for row in rows] for rows in packs]

    @property
    def device(self) -> str:
        """Where the model lies."""
        return str(self.model.device)
