"""Warm-up, a plateau, and a fall at the end (Hu et al., 2024, arXiv 2404.06395, section 4.2)."""

from __future__ import annotations

import math

from tunewright.recipe.options.schedules.warmup_stable_decay import Options
from tunewright.train import warmup

SHAPES = {
    "linear": lambda fall: 1 - fall,
    "cosine": warmup.half_cosine,
    "one_minus_sqrt": lambda fall: 1 - math.sqrt(fall),
}


class Work:
    """Most of the run at the highest rate."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        options = self.options
        falling = warmup.warmup_steps(options.decay, total_steps)
        if step <= total_steps - falling:
            return warmup.factor(step, total_steps, warmup=options.warmup, floor=0.0, shape=lambda _fall: 1.0)
        top = warmup.factor(
            total_steps - falling + 1, total_steps, warmup=options.warmup, floor=0.0, shape=lambda _: 1.0
        )
        behind = (step - 1 - (total_steps - falling)) / max(1, falling)
        return top * (options.floor + (1 - options.floor) * SHAPES[options.shape](behind))
