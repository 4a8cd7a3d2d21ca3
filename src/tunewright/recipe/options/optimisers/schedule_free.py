"""Options of schedule-free AdamW (Defazio et al., 2024, arXiv 2405.15682)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """AdamW at a point between the last and the mean of all; the mean is the model, and the rate need not fall."""

    type: Literal["schedule_free"] = "schedule_free"
    version: Literal[1] = 1
    beta1: float = option(
        0.9,
        "How near to the mean gradients are taken.",
        why="the paper, section 4; above 0, or there is no way back from the mean",
        gt=0,
        lt=1,
    )
    beta2: float = option(0.999, "Decay of the second moment.", why="the paper", ge=0, lt=1)
    epsilon: float = option(1e-8, "Added to the root of the second moment.", why="the paper", gt=0)
    weight_decay: float = option(
        0.0,
        "Decay of weights a step, times the rate.",
        why="0: adapters start at zero, which is their own prior",
        ge=0,
    )
