"""Loss: nats per trained token over all rows together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import FROM_ZERO, TokenMean


class Work(TokenMean):
    """Mean negative log-probability of the trained tokens, in nats, weighted as in training; range [0, inf)."""

    range = FROM_ZERO

    def tokens(self, row: AnsweredRow) -> NDArray[np.float64]:
        """Nats of each trained token."""
        return -np.asarray(row.log_probabilities, dtype=np.float64)
