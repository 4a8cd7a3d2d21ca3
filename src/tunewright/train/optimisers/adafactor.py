"""Adafactor, from Transformers, with a rate from outside (Shazeer and Stern, 2018, arXiv 1804.04235, algorithm 5)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import Adafactor

from tunewright.recipe.options.optimisers.adafactor import Options
from tunewright.train.groups import groups


class Work:
    """Factored second moments; the rate is the schedule's, neither relative nor scaled."""

    learning_rate_factor = 1.0
    schedule = "cosine"
    state_bytes = 0.5
    """A number a row and one a column: 4 / rank for thin matrices (0.25 at rank 16), next to nothing for whole ones."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def build(self, parameters: Mapping[str, nn.Parameter], *, learning_rate: float, rates: Mapping[str, float]) -> Any:
        """An optimiser over float32 parameters, in the order of the mapping."""
        options = self.options
        return Adafactor(
            groups(parameters, rates, weight_decay=options.weight_decay),
            lr=learning_rate,
            eps=(options.epsilon, 1e-3),
            clip_threshold=options.clip_threshold,
            decay_rate=options.decay_rate,
            scale_parameter=False,
            relative_step=False,
            warmup_init=False,
        )
