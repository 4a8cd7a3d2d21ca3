"""Warm-up, then half a cosine down to the floor (Loshchilov and Hutter, 2017, arXiv 1608.03983, without restarts)."""

from __future__ import annotations

import math

from tunewright.recipe.options.schedules.cosine import Options
from tunewright.train.warmup import fallen, rising, warmup_steps


class Work:
    """Cosine decay."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        warmup = warmup_steps(self.options.warmup, total_steps)
        up = rising(step, warmup=warmup)
        if up is not None:
            return up
        fall = (1 + math.cos(math.pi * fallen(step, total_steps, warmup=warmup))) / 2
        return self.options.floor + (1 - self.options.floor) * fall
