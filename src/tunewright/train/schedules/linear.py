"""Warm-up, then a straight line down to the floor."""

from __future__ import annotations

from tunewright.recipe.options.schedules.linear import Options
from tunewright.train.warmup import fallen, rising, warmup_steps


class Work:
    """Linear decay."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        warmup = warmup_steps(self.options.warmup, total_steps)
        up = rising(step, warmup=warmup)
        if up is not None:
            return up
        return self.options.floor + (1 - self.options.floor) * (1 - fallen(step, total_steps, warmup=warmup))
