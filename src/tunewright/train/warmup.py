"""What all schedules share: warm-up steps, and how far the fall has come."""

from __future__ import annotations


def warmup_steps(warmup: float | int, total_steps: int) -> int:
    """Steps of warm-up: a share of the run (a float), or a number of steps (an int)."""
    steps = round(warmup * total_steps) if isinstance(warmup, float) else warmup
    return min(steps, total_steps)


def fallen(step: int, total_steps: int, *, warmup: int) -> float:
    """Share of the fall that lies behind `step` (from 1), in [0, 1]; negative values never occur."""
    rest = max(1, total_steps - warmup)
    return min(1.0, max(0.0, (step - 1 - warmup) / rest))


def rising(step: int, *, warmup: int) -> float | None:
    """The factor while warming up, (0, 1), or None once that is over."""
    return step / (warmup + 1) if step <= warmup else None
