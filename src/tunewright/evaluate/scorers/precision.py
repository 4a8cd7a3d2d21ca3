"""Precision, macro average: of the rows given a label, the share that have it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.counts import MacroScorer, share


class Work(MacroScorer):
    """Mean over labels of hits / predictions; a label that is never predicted counts 0; range [0, 1]."""

    def of_label(
        self, hits: NDArray[np.float64], *, predicted: NDArray[np.float64], true: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Precision of each label."""
        return share(hits, predicted)
