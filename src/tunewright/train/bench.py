"""What the loop works on, and the switch between weights that train and weights that are used."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tunewright.train.anchor import Anchor
from tunewright.train.checkpoints import Checkpoint
from tunewright.train.examples import Examples
from tunewright.train.masters import Masters
from tunewright.train.parts import TrainParts
from tunewright.train.world import ALONE, World


@dataclass(frozen=True)
class Bench:
    """The model with its masters, the update rule, the data, and the ranks that share the work."""

    model: Any
    masters: Masters
    optimiser: Any
    parts: TrainParts
    train: Examples
    validation: Examples | None
    world: World = ALONE
    anchor: Anchor | None = None

    @contextmanager
    def for_use(self) -> Generator[Mapping[str, Tensor] | None]:
        """Inside the block the model holds the weights that it will be used with.

        Schedule-free optimisers train at another point (Defazio et al., 2024); the block is given the weights that
        train, and they come back bit for bit. None: the two are the same.
        """
        if not hasattr(self.optimiser, "eval"):
            yield None
            return
        training = self.masters.copy()
        self.optimiser.eval()
        self.masters.publish()
        try:
            yield training
        finally:
            self.optimiser.train()
            self.masters.load(training)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Stand where a checkpoint was made. Raises KeyError when it lacks a weight."""
        self.masters.load(checkpoint.weights)
        self.optimiser.load_state_dict(checkpoint.optimiser)
        self.masters.clear()
        torch.set_rng_state(checkpoint.random)

    def trained_parameters(self) -> int:
        """How many numbers train."""
        return sum(weight.numel() for weight in self.masters.weights.values())
