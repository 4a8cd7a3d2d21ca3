"""AdamW, fused, from torch (Loshchilov and Hutter, 2019, arXiv 1711.05101)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from tunewright.recipe.options.optimisers.adamw import Options
from tunewright.train.groups import groups


class Work:
    """Adam with decoupled weight decay; vectors (biases, norms) are not decayed."""

    learning_rate_factor = 1.0
    schedule = "cosine"
    state_bytes = 8.0
    """Two moments in float32."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(
        self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, rates: Mapping[str, float]
    ) -> torch.optim.Optimizer:
        """An optimiser over float32 parameters, in the order of the mapping."""
        return torch.optim.AdamW(
            groups(parameters, rates, weight_decay=self.options.weight_decay),
            lr=learning_rate,
            betas=(self.options.beta1, self.options.beta2),
            eps=self.options.epsilon,
            fused=True,
        )
