"""Schedule-free AdamW, from the package of its authors (Defazio et al., 2024, arXiv 2405.15682, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schedulefree import AdamWScheduleFree
from torch import nn

from tunewright.recipe.options.optimisers.schedule_free import Options
from tunewright.train.groups import groups


class Work:
    """Trains at a point between the last and the mean; `eval()` puts the mean in place. Warm-up is the schedule's."""

    learning_rate_factor = 1.0
    """The rate of AdamW under a falling schedule is a safe start; up to ten times it may do better (the package)."""
    schedule = "constant"
    state_bytes = 12.0
    """The last point and the second moment in float32, and a copy of the weights that train while the mean is used."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, rates: Mapping[str, float]) -> Any:
        """An optimiser over float32 parameters, in the order of the mapping."""
        options = self.options
        optimiser = AdamWScheduleFree(
            groups(parameters, rates, weight_decay=options.weight_decay),
            lr=learning_rate,
            betas=(options.beta1, options.beta2),
            eps=options.epsilon,
        )
        optimiser.train()
        return optimiser
