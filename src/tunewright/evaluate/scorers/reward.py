"""Reward: what a trained reward model says of answers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, RewardModel
from tunewright.evaluate.sums import RowMean, is_answered
from tunewright.recipe.options.scorers.reward import Options


class Work(RowMean):
    """Mean reward of the answers, in the model's own unit; range (-inf, inf).

    The model is handed in by `bind` and opened when the first answers come; without one nothing is measured. Rows
    without an answer, and those that the model cannot read, are left out.
    """

    range = (-math.inf, math.inf)

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        self._open: Callable[[str], RewardModel] | None = None
        self._model: RewardModel | None = None

    def bind(self, open_model: Callable[[str], RewardModel]) -> None:
        """Take what opens the reward model of a name."""
        self._open = open_model

    def per_row(self, rows: Sequence[AnsweredRow]) -> NDArray[np.float64]:
        """One reward a row, [N]; NaN for a row that is left out."""
        found = np.full(len(rows), np.nan)
        asked = [place for place, row in enumerate(rows) if is_answered(row)]
        if asked and (model := self._opened()) is not None:
            found[asked] = model.rewards([rows[place] for place in asked])
        return found

    def _opened(self) -> RewardModel | None:
        if self._model is None and self._open is not None:
            self._model = self._open(self.options.model)
        return self._model
