"""F1, micro average: the harmonic mean of micro precision and recall."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.counts import MicroScorer, share


class Work(MicroScorer):
    """2 hits / (predictions + true rows) over all labels together; range [0, 1]."""

    def of_all(
        self, hits: NDArray[np.float64], *, predicted: NDArray[np.float64], true: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """F1 of added counts."""
        return share(2 * hits, predicted + true)
