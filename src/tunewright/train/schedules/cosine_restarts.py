"""Warm-up, then several half cosines (Loshchilov and Hutter, 2017, arXiv 1608.03983, equation 5)."""

from __future__ import annotations

from tunewright.recipe.options.schedules.cosine_restarts import Options
from tunewright.train import warmup


class Work:
    """Cosine decay with hard restarts; cycles of equal length."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        options = self.options
        return warmup.factor(step, total_steps, warmup=options.warmup, floor=options.floor, shape=self._height)

    def _height(self, fall: float) -> float:
        return warmup.half_cosine(fall * self.options.cycles % 1.0)
