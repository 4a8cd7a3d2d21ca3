"""Greedy k-centre: each next row is the one farthest from all that were chosen (Sener and Savarese, 2018, algorithm 1).

The largest distance from a row to the nearest chosen one is at most twice the least possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


def k_centre(vectors: Any, *, rows: int, costs: Sequence[int], budget: float) -> list[int]:
    """Places of at most `rows` rows in the order in which they are chosen, whose costs stay within the budget.

    `vectors`, a sparse array [N, D], have length 1 or 0. The first is row 0; among equals the first counts. A row that
    does not fit any more is passed over.
    """
    cost = np.asarray(costs, np.float64)
    likeness = np.full(vectors.shape[0], -1.0, np.float32)
    chosen: list[int] = []
    free = cost <= budget
    while len(chosen) < rows and free.any():
        place = int(np.argmin(np.where(free, likeness, np.inf)))
        chosen.append(place)
        budget -= cost[place]
        free[place] = False
        free &= cost <= budget
        likeness = np.maximum(likeness, similarities(vectors, place))
    return chosen


def similarities(vectors: Any, place: int) -> NDArray[np.float32]:
    """Cosine of every row with one of them [N]."""
    one = np.zeros(vectors.shape[1], np.float32)
    bounds = slice(vectors.indptr[place], vectors.indptr[place + 1])
    one[vectors.indices[bounds]] = vectors.data[bounds]
    return vectors @ one
