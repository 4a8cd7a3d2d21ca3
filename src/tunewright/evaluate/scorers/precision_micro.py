"""Precision, micro average: of all rows given a label, the share that have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.counts import MicroScorer, share


class Work(MicroScorer):
    """hits / predictions over all labels together; range [0, 1]."""

    def of_all(
        self, hits: NDArray[np.float64], *, predicted: NDArray[np.float64], true: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Precision of added counts."""
        return share(hits, predicted)
