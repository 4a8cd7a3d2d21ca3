"""Options of AdamW with 8-bit states (Dettmers et al., 2022, arXiv 2110.02861)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """AdamW whose moments are held in 8 bits, block by block; a quarter of the memory."""

    type: Literal["adamw_8bit"] = "adamw_8bit"
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
    smallest_values: int = option(
        4096,
        "Tensors with fewer numbers keep 32-bit states.",
        why="the library's own: quantising small tensors saves nothing and costs accuracy",
        ge=0,
    )
