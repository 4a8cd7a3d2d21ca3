"""Options of Lion (Chen et al., 2023, arXiv 2302.06675)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Steps of the sign of a moment: half of the memory of AdamW."""

    type: Literal["lion"] = "lion"
    version: Literal[1] = 1
    beta1: float = option(0.9, "Weight of the moment against the gradient in a step.", why="the paper", ge=0, lt=1)
    beta2: float = option(0.99, "Decay of the moment.", why="the paper", ge=0, lt=1)
    weight_decay: float = option(
        0.0,
        "Decay of weights a step, times the rate.",
        why="0: adapters start at zero, which is their own prior",
        ge=0,
    )
