"""The guard: NaN, infinity and spikes are found before a step is taken, and every decision is counted and kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from tunewright.recipe.training import GuardOptions

LEAST_SPREAD = 0.5
"""Nats: losses that hardly vary must not make a small rise a spike."""
NORMAL = 1.4826
"""Median absolute deviation to standard deviation, for a normal distribution."""
SEEN_SHARE = 5
"""Nothing is a spike before a fifth of the window is seen."""


class Decision(NamedTuple):
    """What the guard did at a step, and why."""

    step: int
    action: Literal["skip", "lower_rate"]
    why: str


class Guard:
    """Watches the losses of a run. Its state is plain numbers, kept in every checkpoint.

    `rate` multiplies the learning rate: 1, or less after `lower_rate`.
    """

    def __init__(self, options: GuardOptions) -> None:
        self.options = options
        self.losses: list[float] = []
        self.decisions: list[Decision] = []
        self.rate = 1.0

    def trouble(self, loss: float, norm: float) -> str:
        """Why a step with this loss and gradient norm must not be taken; empty when it may."""
        if not math.isfinite(loss):
            return f"the loss is {loss}"
        if not math.isfinite(norm):
            return f"the gradient norm is {norm}"
        limit = self.limit()
        return f"the loss is {loss:.4g}, over the limit of {limit:.4g}" if loss > limit else ""

    def limit(self) -> float:
        """The loss above which a step is a spike; infinity while too little is seen."""
        if self.options.spike is None or len(self.losses) * SEEN_SHARE < self.options.window:
            return math.inf
        seen = np.array(self.losses)
        median = float(np.median(seen))
        spread = NORMAL * float(np.median(np.abs(seen - median)))
        return median + self.options.spike * max(LEAST_SPREAD, spread)

    def passed(self, loss: float) -> None:
        """Count a step that was taken."""
        self.losses = [*self.losses, loss][-self.options.window :]

    def may_act(self) -> bool:
        """True while another decision is allowed."""
        return self.options.action != "stop" and len(self.decisions) < self.options.limit

    def skipped(self, step: int, why: str) -> None:
        """Remember that a step's batch was left out."""
        self.decisions.append(Decision(step, "skip", why))

    def lowered(self, step: int, why: str) -> None:
        """Remember that the run went back and goes on with a lower rate."""
        self.decisions.append(Decision(step, "lower_rate", why))
        self.rate *= self.options.rate_factor

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"losses": self.losses, "decisions": [list(each) for each in self.decisions], "rate": self.rate}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept."""
        self.losses = [float(loss) for loss in state["losses"]]
        self.decisions = [Decision(*each) for each in state["decisions"]]
        self.rate = float(state["rate"])
