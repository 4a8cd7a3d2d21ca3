"""Options of AdamW (Loshchilov and Hutter, 2019, arXiv 1711.05101)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Adam with decoupled weight decay, fused."""

    type: Literal["adamw"] = "adamw"
    version: Literal[1] = 1
    beta1: float = option(0.9, "Decay of the first moment.", why="the paper", ge=0, lt=1)
    beta2: float = option(0.999, "Decay of the second moment.", why="the paper", ge=0, lt=1)
    epsilon: float = option(1e-8, "Added to the root of the second moment.", why="the paper", gt=0)
    weight_decay: float = option(
        0.0,
        "Decay of weights a step, times the rate.",
        why="0: adapters start at zero, which is their own prior",
        ge=0,
    )
