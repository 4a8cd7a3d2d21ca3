"""Early stopping: the best validation so far, and how long nothing was gained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tunewright.recipe.training import EarlyStoppingOptions


class Patience:
    """Follows the validation losses of a run. Its state is plain numbers, kept in every checkpoint."""

    def __init__(self, options: EarlyStoppingOptions) -> None:
        self.options = options
        self.best_loss: float | None = None
        self.best_step = 0
        self.waited = 0

    def validated(self, step: int, loss: float) -> bool:
        """Count one validation; True when it is the best so far. NaN and infinity are no gain."""
        if math.isfinite(loss) and self._gains(loss):
            self.best_loss, self.best_step, self.waited = loss, step, 0
            return True
        self.waited += 1
        return False

    def _gains(self, loss: float) -> bool:
        return self.best_loss is None or loss < self.best_loss - self.options.least_gain

    @property
    def spent(self) -> bool:
        """True when nothing was gained for as long as the recipe waits."""
        return self.options.patience is not None and self.waited >= self.options.patience

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"best_loss": self.best_loss, "best_step": self.best_step, "waited": self.waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what a checkpoint kept."""
        self.best_loss = None if state["best_loss"] is None else float(state["best_loss"])
        self.best_step, self.waited = int(state["best_step"]), int(state["waited"])
