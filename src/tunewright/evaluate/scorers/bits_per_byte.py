"""Bits per byte: how many bits the model needs for a byte of the text, whatever its tokens are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.sums import FROM_ZERO, SumMetric


class Work(SumMetric):
    """Nats of all tokens over ln 2 and over the bytes of the scored texts; range [0, inf).

    Models with other tokenizers may be compared. Loss weights do not count. Rows without a text's length are left out.
    """

    direction = "lower"
    range = FROM_ZERO

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> NDArray[np.float64]:
        """Bits and bytes, [N, 2]."""
        return np.array([_bits_and_bytes(row) for row in rows], dtype=np.float64).reshape(len(rows), 2)


def _bits_and_bytes(row: AnsweredRow) -> tuple[float, float]:
    nats = -float(np.sum(row.log_probabilities, dtype=np.float64))
    if math.isnan(nats) or not row.log_probabilities or row.bytes <= 0:
        return 0.0, 0.0
    return nats / math.log(2), float(row.bytes)
