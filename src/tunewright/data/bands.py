"""Rows that share a key of some band: pairs that may be alike, in flat arrays, and what is decided by them.

Each pair is kept once, with the row that is worth less: when that row is looked at, the other has been.
N rows, P pairs.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.data.shingles import Hashes

Places = NDArray[np.int32]
ALL_PAIRS, CHAINED = 12, 100
"""A bucket of up to so many rows gives every pair; of one up to the second number each row meets the first and its
neighbour, of a larger one the first: the number of pairs stays in line with the rows."""
BLOCK_ROWS = 1 << 16
"""Pairs of so many rows are sorted together: what is copied meanwhile is a small part of all pairs."""
NOBODY = -1
_UNSEEN, _STAYS = -2, -1
_LOW = 0xFFFFFFFF


class Pairs(NamedTuple):
    """Row i meets `others[starts[i]:starts[i + 1]]`, ascending, all worth more.

    `others` int32 [P], `starts` int64 [N + 1].
    """

    others: Places
    starts: NDArray[np.int64]

    def of(self, place: int) -> list[int]:
        """Places of the rows that one row meets."""
        return self.others[self.starts[place] : self.starts[place + 1]].tolist()

    def places(self) -> NDArray[np.int64]:
        """Every row that stands in a pair, ascending."""
        meets = np.diff(self.starts) > 0
        meets[self.others] = True
        return np.flatnonzero(meets)

    def each(self) -> Iterator[tuple[int, int]]:
        """Every pair, the row that is worth less first; in blocks, so that few are Python objects at one time."""
        rows = len(self.starts) - 1
        for start in range(0, rows, BLOCK_ROWS):
            end = min(start + BLOCK_ROWS, rows)
            counts = np.diff(self.starts[start : end + 1])
            owners = np.repeat(np.arange(start, end), counts)
            yield from zip(owners.tolist(), self.others[self.starts[start] : self.starts[end]].tolist(), strict=True)


def candidates(bands: Iterable[Hashes], *, rank: NDArray[np.int64]) -> Pairs:
    """Pairs of rows that share a key of a band, each once.

    `bands`: a key of each row, uint64 [N], one band after the other. `rank` [N]: the lower, the more a row is worth;
    NOBODY: it meets nobody.
    """
    places = np.flatnonzero(rank != NOBODY)
    blocks = [np.zeros(0, np.int64) for _ in range(0, len(rank), BLOCK_ROWS)]
    edges = np.arange(len(blocks) + 1) * BLOCK_ROWS << 32
    for band in bands:
        keys = band[places]
        order = np.argsort(keys, kind="stable")
        new = [_codes(one, other, rank) for one, other in _pairs_of(places[order], keys[order])]
        if not new:
            continue
        codes = np.sort(np.concatenate(new))
        cuts = np.searchsorted(codes, edges)
        for at, block in enumerate(blocks):
            blocks[at] = _merged(block, codes[cuts[at] : cuts[at + 1]])
    return _flat(blocks, rows=len(rank))


def _codes(one: NDArray[np.int64], other: NDArray[np.int64], rank: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs as one number each: the row that is worth less above, the other below."""
    behind = rank[one] > rank[other]
    return np.where(behind, one, other) << 32 | np.where(behind, other, one)


def _merged(old: NDArray[np.int64], new: NDArray[np.int64]) -> NDArray[np.int64]:
    """Both, ascending, each number once."""
    if not len(new):
        return old
    both = np.concatenate([old, new])
    both.sort()
    return both[np.insert(both[1:] != both[:-1], 0, True)]


def _flat(blocks: list[NDArray[np.int64]], *, rows: int) -> Pairs:
    """Blocks as one array; each is let go when it has been copied."""
    others = np.empty(sum(map(len, blocks)), np.int32)
    counts = np.zeros(rows + 1, np.int64)
    done = 0
    for at, block in enumerate(blocks):
        others[done : done + len(block)] = block & _LOW
        found = np.bincount((block >> 32) - at * BLOCK_ROWS)
        counts[at * BLOCK_ROWS + 1 :][: len(found)] = found
        done += len(block)
        blocks[at] = np.zeros(0, np.int64)
    return Pairs(others, np.cumsum(counts))


def _pairs_of(places: NDArray[np.int64], keys: Hashes) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs of places with equal keys, the smaller first; `places` ascend within equal keys."""
    starts = np.flatnonzero(np.insert(keys[1:] != keys[:-1], 0, True)) if len(keys) else np.zeros(0, np.int64)
    sizes = np.diff(np.append(starts, len(keys)))
    for size in np.unique(sizes[(sizes > 1) & (sizes <= ALL_PAIRS)]).tolist():
        groups = places[starts[sizes == size][:, None] + np.arange(size)]
        one, other = np.triu_indices(size, 1)
        yield groups[:, one].ravel(), groups[:, other].ravel()
    large = sizes > ALL_PAIRS
    for start, size in zip(starts[large].tolist(), sizes[large].tolist(), strict=True):
        group = places[start : start + size]
        yield np.full(size - 1, group[0]), group[1:]
        if size <= CHAINED:
            yield group[:-1], group[1:]


def keepers(
    worth: Iterable[int],
    neighbours: Callable[[int], Sequence[int]],
    *,
    rows: int,
    alike: Callable[[int, int], bool],
) -> Places:
    """Of each row that goes, the place of the row that stays, to which it was verified to be alike; NOBODY of others.

    `worth`: places in the order in which they are worth keeping. A row meets neighbours that stay, then the rows that
    stay in place of neighbours that went.
    """
    keeper = array("i", [_UNSEEN]) * rows
    for place in worth:
        near = neighbours(place)
        direct = [other for other in near if keeper[other] == _STAYS]
        further = dict.fromkeys(keeper[other] for other in near if keeper[other] >= 0)
        met = next((other for other in dict.fromkeys([*direct, *further]) if alike(place, other)), _STAYS)
        keeper[place] = met
    return np.maximum(np.array(keeper, np.int32), NOBODY)


def components(pairs: Iterable[tuple[int, int]], *, rows: int, alike: Callable[[int, int], bool]) -> Places:
    """Of each row that is alike to another, the first place of all that such pairs join; NOBODY of others."""
    parent = array("i", range(rows))

    def first(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    joined = bytearray(rows)
    for one, other in pairs:
        low, high = sorted((first(one), first(other)))
        if low != high and alike(one, other):
            parent[high] = low
            joined[low] = joined[high] = True
    return np.array([first(place) if joined[place] else NOBODY for place in range(rows)], np.int32)
