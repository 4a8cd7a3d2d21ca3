"""F1, macro average: the harmonic mean of precision and recall, label by label."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.counts import MacroScorer, share


class Work(MacroScorer):
    """Mean over labels of 2 hits / (predictions + true rows); range [0, 1]."""

    def of_label(
        self, hits: NDArray[np.float64], *, predicted: NDArray[np.float64], true: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """F1 of each label."""
        return share(2 * hits, predicted + true)
