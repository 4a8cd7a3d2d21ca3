"""AdamW with paged states, from bitsandbytes (Dettmers et al., 2023, arXiv 2305.14314, section 3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bitsandbytes.optim.adamw import PagedAdamW32bit
from torch import nn

from tunewright.recipe.options.optimisers.adamw_paged import Options
from tunewright.train.groups import groups


class Work:
    """States in memory shared between a GPU and its host; on a processor there is nothing to page."""

    learning_rate_factor = 1.0
    schedule = "cosine"
    state_bytes = 8.0
    """Two moments in float32."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, rates: Mapping[str, float]) -> Any:
        """An optimiser over float32 parameters, in the order of the mapping."""
        options = self.options
        return PagedAdamW32bit(
            groups(parameters, rates, weight_decay=options.weight_decay),
            lr=learning_rate,
            betas=(options.beta1, options.beta2),
            eps=options.epsilon,
        )
