"""AdamW with 8-bit states, from bitsandbytes (Dettmers et al., 2022, arXiv 2110.02861)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitsandbytes.optim.adamw import AdamW8bit
from torch import nn

from tunewright.recipe.options.optimisers.adamw_8bit import Options
from tunewright.train.groups import groups


class Work:
    """Moments quantised block by block; vectors (biases, norms) are not decayed."""

    learning_rate_factor = 1.0
    schedule = "cosine"
    state_bytes = 2.1
    """Two moments of a byte, and a scale for each 256 of them."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, rates: Mapping[str, float]) -> Any:
        """An optimiser over float32 parameters, in the order of the mapping."""
        options = self.options
        return AdamW8bit(
            groups(parameters, rates, weight_decay=options.weight_decay),
            lr=learning_rate,
            betas=(options.beta1, options.beta2),
            eps=options.epsilon,
            min_8bit_size=options.smallest_values,
        )
