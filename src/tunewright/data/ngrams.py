"""An index of word n-grams of one size: which rows have them at which place, and where they stand in other text.

Words are numbers from 1; 0 is a word that no indexed row has. G different n-grams, n words each, K places of an n-gram
in a row, W words of a text.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int32]
Numbers = NDArray[np.int64]
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""The golden ratio in 64 bits, odd: spreads small numbers over the upper bits (Knuth, volume 3, section 6.4)."""


class Index:
    """n-grams of some rows, without those that stand in more than `common` of them.

    `size` is n. `per_row` int64 [rows] counts the words of each that stand in such an n-gram.
    """

    def __init__(self, rows: Sequence[tuple[int, Ids]], *, size: int, common: float, total: int) -> None:
        """`rows` are pairs of the row's number, below `total`, and its words, of which there are at least `size`."""
        self.size = size
        windows = np.concatenate([np.lib.stride_tricks.sliding_window_view(ids, size) for _row, ids in rows])
        lengths = [len(ids) - size + 1 for _row, ids in rows]
        owners = np.repeat([row for row, _ids in rows], lengths)
        offsets = np.concatenate([np.arange(length) for length in lengths])
        keys, first, gram = np.unique(keys_of(windows), return_index=True, return_inverse=True)
        having = np.bincount(np.unique(gram.astype(np.int64) * total + owners) // total, minlength=len(keys))
        rare = having <= common
        order = np.flatnonzero(rare[gram])[np.argsort(gram[rare[gram]], kind="stable")]
        self._keys, self._windows = keys[rare], windows[first[rare]]
        self._starts: Numbers = np.searchsorted(gram[order], np.append(np.flatnonzero(rare), len(keys)))
        self._owners: Numbers = owners[order]
        self._offsets: Numbers = offsets[order]
        self._sieve = _sieve(self._keys)
        found, words = covered(self._owners, self._offsets, size=size)
        self.per_row: Numbers = np.zeros(total, np.int64)
        self.per_row[found] = words

    def places(self, ids: Ids) -> tuple[Numbers, Numbers]:
        """Where indexed n-grams stand in a text: offset of the first word, and number of the n-gram; offsets rise."""
        if len(ids) < self.size or not len(self._keys):
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        windows = np.lib.stride_tricks.sliding_window_view(ids, self.size)
        keys = keys_of(windows)
        at = np.flatnonzero(self._sieve[keys >> _shift(self._sieve)])
        gram = np.minimum(np.searchsorted(self._keys, keys[at]), len(self._keys) - 1)
        right = (self._windows[gram] == windows[at]).all(axis=1)
        return at[right], gram[right]

    def owners(self, grams: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        """Where some n-grams stand in the rows: place in `grams`, number of the row, offset of the first word in it."""
        counts = self._starts[grams + 1] - self._starts[grams]
        place = np.repeat(np.arange(len(grams)), counts)
        at = np.arange(len(place)) - np.repeat(np.cumsum(counts) - counts, counts) + self._starts[grams][place]
        return place, self._owners[at], self._offsets[at]


def covered(groups: Numbers, offsets: Numbers, *, size: int) -> tuple[Numbers, Numbers]:
    """Words that runs of `size` words cover together: each group once, ascending, and how many words of it."""
    if not len(groups):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    order = np.lexsort((offsets, groups))
    groups, offsets = groups[order], offsets[order]
    last = np.append(groups[1:] != groups[:-1], True)
    ahead = np.append(offsets[1:] - offsets[:-1], size)
    words = np.where(last, size, np.minimum(ahead, size))
    starts = np.flatnonzero(np.insert(last[:-1], 0, True))
    return groups[starts], np.add.reduceat(words, starts)


def keys_of(windows: Ids) -> NDArray[np.uint64]:
    """A 64-bit number for each window [.., n]: a polynomial over its words. Equal windows have equal ones."""
    keys = np.zeros(len(windows), np.uint64)
    for column in range(windows.shape[1]):
        keys = (keys + windows[:, column].astype(np.uint64)) * _MIX
    return keys


def _sieve(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """A table of the upper bits of the keys, a sixteenth full at most: most of what is not indexed falls through."""
    table = np.zeros(1 << max(16, (16 * len(keys)).bit_length()), dtype=bool)
    table[keys >> _shift(table)] = True
    return table


def _shift(table: NDArray[np.bool_]) -> np.uint64:
    return np.uint64(64 - (len(table).bit_length() - 1))
