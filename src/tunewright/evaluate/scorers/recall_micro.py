"""Recall, micro average: of all rows that have a label, the share that were given it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.counts import MicroScorer, share


class Work(MicroScorer):
    """hits / true rows over all labels together; range [0, 1]."""

    def of_all(
        self, hits: NDArray[np.float64], *, predicted: NDArray[np.float64], true: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Recall of added counts."""
        return share(hits, true)
