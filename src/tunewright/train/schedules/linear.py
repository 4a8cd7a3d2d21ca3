"""Warm-up, then a straight line down to the floor."""

from __future__ import annotations

from tunewright.recipe.options.schedules.linear import Options
from tunewright.train import warmup


class Work:
    """Linear decay."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        options = self.options
        return warmup.factor(step, total_steps, warmup=options.warmup, floor=options.floor, shape=lambda fall: 1 - fall)
