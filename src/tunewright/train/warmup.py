"""What all schedules share: a rise from above zero, then a fall of some shape down to a floor."""

from __future__ import annotations

import math
from collections.abc import Callable


def factor(step: int, total_steps: int, *, warmup: float | int, floor: float, shape: Callable[[float], float]) -> float:
    """Multiplier of the base rate for the update number `step` (from 1), in [0, 1].

    `warmup` is a share of the run (a float) or a number of steps (an int); `shape` maps the share of the fall that lies
    behind the step, in [0, 1), to a height between 1 and 0.
    """
    rise = warmup_steps(warmup, total_steps)
    if step <= rise:
        return step / (rise + 1)
    behind = min(1.0, (step - 1 - rise) / max(1, total_steps - rise))
    return floor + (1 - floor) * shape(behind)


def warmup_steps(warmup: float | int, total_steps: int) -> int:
    """Steps of warm-up, at most all."""
    steps = round(warmup * total_steps) if isinstance(warmup, float) else warmup
    return min(steps, total_steps)


def half_cosine(fall: float) -> float:
    """From 1 at 0 to 0 at 1."""
    return (1 + math.cos(math.pi * fall)) / 2
