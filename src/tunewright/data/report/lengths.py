"""How long things are: a histogram and quantiles, in memory that does not grow with their number."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EXACT_UP_TO = 1000
"""Longer ones are counted by their first three digits."""


class Bar(NamedTuple):
    """How many are at least `least` long and shorter than `below`."""

    least: int
    below: int
    number: int


class Lengths:
    """Lengths of very many things."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._sum = 0
        self.longest = 0

    def add(self, lengths: NDArray[np.int64]) -> None:
        """Take some lengths."""
        if not len(lengths):
            return
        self._sum += int(lengths.sum())
        self.longest = max(self.longest, int(lengths.max()))
        unit = 10 ** np.maximum(0, np.floor(np.log10(np.maximum(lengths, 1))).astype(np.int64) - 2)
        values, counts = np.unique(lengths // unit * unit, return_counts=True)
        self._counts.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))

    @property
    def number(self) -> int:
        """How many there are."""
        return self._counts.total()

    @property
    def mean(self) -> float:
        """The average length; 0 where there is none."""
        return self._sum / self.number if self._counts else 0.0

    def quantile(self, share: float) -> int:
        """A length that so many are not longer than; of three digits. 0 where there is none."""
        if share >= 1:
            return self.longest
        left = share * self.number
        for value, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                return value
        return 0

    def bars(self) -> list[Bar]:
        """A histogram whose bars grow by the square root of 2 (whole lengths below 8), gaps in it filled."""
        found: Counter[int] = Counter()
        for value, count in self._counts.items():
            found[place_of(value)] += count
        if not found:
            return []
        edges = [edge(place) for place in range(min(found), max(found) + 2)]
        counts = [found[place] for place in range(min(found), max(found) + 1)]
        bars = [Bar(least, below, count) for least, below, count in zip(edges, edges[1:], counts, strict=False)]
        return [bar for bar in bars if bar.below > bar.least]


def place_of(length: int) -> int:
    """The place of a length's bar: 0 alone, then half powers of two."""
    if length < 1:
        return -1
    place = math.floor(2 * math.log2(length))
    while edge(place + 1) <= length:
        place += 1
    return place


def edge(place: int) -> int:
    """The first length of a bar."""
    return 0 if place < 0 else math.ceil(2 ** (place / 2) - 1e-9)


def joined(series: dict[str, Lengths]) -> tuple[list[tuple[int, int]], dict[str, list[int]]]:
    """Bars that several series share, from the shortest to the longest, and the counts of each series in them."""
    bars = {name: lengths.bars() for name, lengths in series.items()}
    every = [bar for some in bars.values() for bar in some]
    if not every:
        return [], {}
    first, last = min(bar.least for bar in every), max(bar.least for bar in every)
    edges = sorted({edge(place) for place in range(place_of(first), place_of(last) + 2)})
    counts = {name: {bar.least: bar.number for bar in some} for name, some in bars.items()}
    shared = list(itertools.pairwise(edges))
    return shared, {name: [own.get(least, 0) for least, _below in shared] for name, own in counts.items()}
