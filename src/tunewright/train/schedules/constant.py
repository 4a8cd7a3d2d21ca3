"""Warm-up, then the same rate to the end."""

from __future__ import annotations

from tunewright.recipe.options.schedules.constant import Options
from tunewright.train import warmup


class Work:
    """No fall."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def factor(self, step: int, total_steps: int) -> float:
        """Multiplier of the base rate for the update number `step` (from 1)."""
        return warmup.factor(step, total_steps, warmup=self.options.warmup, floor=0.0, shape=lambda _fall: 1.0)
