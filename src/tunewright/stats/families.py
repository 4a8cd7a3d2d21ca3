"""Rows that belong together are drawn together: sums by family of prompts. N rows, F families, K sums a row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def by_family(sums: NDArray[np.float64], families: Sequence[str | None]) -> NDArray[np.float64]:
    """Sums [F, K] of rows that share a family, in order of first appearance; None is a family of its own.

    `sums` [N, K] and `families` [N]. Rows of one family (one prompt in several wordings, turns of one dialogue) depend
    on one another, so they count as one draw: the bootstrap and the permutation over the result are the clustered
    ones. Raises ValueError for unequal lengths. Source: Field and Welsh, 2007, JRSS B 69(3), "Bootstrapping clustered
    data".
    """
    if len(sums) != len(families):
        raise ValueError(f"{len(sums)} rows have {len(families)} families; give one a row.")
    places: dict[str, int] = {}
    found = np.empty(len(families), dtype=np.int64)
    alone = 0
    for row, family in enumerate(families):
        if family is None:
            found[row] = len(places) + alone
            alone += 1
        else:
            found[row] = places.setdefault(family, len(places) + alone)
    added = np.zeros((len(places) + alone, *sums.shape[1:]))
    np.add.at(added, found, sums)
    return added
