"""Warm-up, then half a cosine down to the floor (Loshchilov and Hutter, 2017, arXiv 1608.03983, without restarts)."""

from __future__ import annotations

from tunewright.recipe.options.schedules.cosine import Options
from tunewright.train import warmup


class Work:
    """Cosine decay."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        options = self.options
        return warmup.factor(step, total_steps, warmup=options.warmup, floor=options.floor, shape=warmup.half_cosine)
