"""Recall, macro average: of the rows that have a label, the share that were given it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.counts import MacroScorer, share


class Work(MacroScorer):
    """Mean over labels of hits / true rows; a label without rows counts 0; range [0, 1]."""

    def of_label(
        self, hits: NDArray[np.float64], *, predicted: NDArray[np.float64], true: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Recall of each label."""
        return share(hits, true)
