"""AdamW, fused, from torch (Loshchilov and Hutter, 2019, arXiv 1711.05101)."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from tunewright.recipe.options.optimisers.adamw import Options


class Work:
    """Adam with decoupled weight decay; vectors (biases, norms) are not decayed."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float) -> torch.optim.Optimizer:
        """An optimiser over float32 parameters, in the order of the mapping."""
        matrices = [p for p in parameters.values() if p.ndim >= 2]
        vectors = [p for p in parameters.values() if p.ndim < 2]
        groups = [
            {"params": matrices, "weight_decay": self.options.weight_decay},
            {"params": vectors, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(
            [group for group in groups if group["params"]],
            lr=learning_rate,
            betas=(self.options.beta1, self.options.beta2),
            eps=self.options.epsilon,
            fused=True,
        )
