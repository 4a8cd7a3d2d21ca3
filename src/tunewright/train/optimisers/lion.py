"""Lion, from bitsandbytes (Chen et al., 2023, arXiv 2302.06675, program 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitsandbytes.optim.lion import Lion32bit
from torch import nn

from tunewright.recipe.options.optimisers.lion import Options
from tunewright.train.groups import groups


class Work:
    """Every weight moves by the rate, up or down."""

    learning_rate_factor = 0.2
    """The paper, section 5: 3 to 10 times less than AdamW's."""
    schedule = "cosine"
    state_bytes = 4.0
    """One moment in float32."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, rates: Mapping[str, float]) -> Any:
        """An optimiser over float32 parameters, in the order of the mapping."""
        options = self.options
        return Lion32bit(
            groups(parameters, rates, weight_decay=options.weight_decay),
            lr=learning_rate,
            betas=(options.beta1, options.beta2),
        )
