"""Near duplicates over all splits: candidates by MinHash (Broder, 1997) and banding, each pair verified exactly.

A row goes only where it was verified to be alike to a row that stays, with the same label: two labels of almost one
text contradict one another, and which is right is not for us to say; the report counts such pairs. 25 bands of 5 find a
pair of similarity 0.7 with probability 0.99, one of 0.8 with 0.99995 (Leskovec et al., Mining of Massive Datasets,
section 3.4).
N rows, B bands.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

from tunewright.core.ports import Changed, Details, Gone, Phase, Row, StepResult
from tunewright.data.shingles import Hashes, Sets, jaccard, shingles
from tunewright.data.step import BATCH_ROWS, GlobalStep
from tunewright.data.words import answer_text, prompt_text, rejected_text
from tunewright.recipe.options.steps.near_duplicates import Options

BANDS, BAND_ROWS = 25, 5
PERMUTATIONS = 128
"""A power of two is computed fastest; the first BANDS x BAND_ROWS are used."""
SEED = 1
REASON = "near_duplicates"
PRECEDENCE = ("test", "validation", "train")
ALL_PAIRS, CHAINED = 12, 100
"""A bucket of up to so many rows gives every pair; of one up to the second number each row meets the first and its
neighbour, of a larger one the first: the number of pairs stays in line with the rows."""
FRAME_ROWS = 50
"""With fewer rows nothing is said to stand in most of them."""
SHOWN_CLUSTERS, SHOWN_ROWS, SHOWN_TEXT = 100, 6, 600
SetsOf = Callable[[Sequence[Row]], Sets]
_ODD = np.uint64(0x9E3779B97F4A7C15)


class Work(GlobalStep):
    """Fulfils the port Step."""

    phase: Phase = "before_split"

    def __init__(self, options: Options) -> None:
        self.options = options
        self._frame: Hashes = np.zeros(0, np.uint64)

    def look(self, sample: Sequence[Row]) -> Work:
        """The step, knowing which shingles stand in most rows."""
        if self.options.frame_share == 1 or len(sample) < FRAME_ROWS:
            return self
        found, counts = np.unique(self._sets(sample).hashes, return_counts=True)
        step = copy.copy(self)
        step._frame = found[counts > self.options.frame_share * len(sample)]
        return step

    def map(self, rows: Sequence[Row]) -> list[Hashes | None]:
        """Of each row a key of every band and its number of shingles, uint64 [B + 1]; None of a row without words."""
        sets = self._sets(rows)
        flat = sets.hashes * _ODD  # MinHash wants 64 bits that are spread
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, sets.starts.astype(np.uint64), PERMUTATIONS, SEED)
        signatures = np.array(matrix.to_rows(), np.uint64).reshape(len(rows), PERMUTATIONS)
        keys = np.zeros((len(rows), BANDS), np.uint64)
        for part in range(BAND_ROWS):
            keys = (keys ^ (keys >> np.uint64(29))) * _ODD + signatures[:, part : BANDS * BAND_ROWS : BAND_ROWS]
        counts = np.diff(sets.starts).astype(np.uint64)
        marks = np.concatenate([keys, counts[:, None]], axis=1)
        return [marks[at] if counts[at] else None for at in range(len(rows))]

    def decide(self, rows: dict[str, list[Row]], found: dict[str, list[Hashes | None]]) -> StepResult:
        """Rows without near duplicates of those that stay; or all of them, those alike in one family."""
        splits = sorted(rows, key=PRECEDENCE.index)
        every = [(split, row) for split in splits for row in rows[split]]
        marks = [mark for split in splits for mark in found[split]]
        pairs = candidates(marks)
        near = Near([row for _split, row in every], pairs, sets_of=self._sets, threshold=self.options.threshold)
        if self.options.action == "group":
            return self._grouped(rows, every, near=near, pairs=pairs)
        worth = self._worth(every, marks, near=near)
        return self._dropped(rows, every, near=near, worth=worth)

    def _worth(self, every: list[tuple[str, Row]], marks: Sequence[Hashes | None], *, near: Near) -> list[int]:
        """Places that have neighbours, those that are most worth keeping first: by split, length, as they stand."""
        longest = self.options.keep == "longest"

        def key(place: int) -> tuple[int, int, int]:
            mark = marks[place]
            return PRECEDENCE.index(every[place][0]), -int(mark[-1]) if longest and mark is not None else 0, place

        return sorted(near.places.tolist(), key=key)

    def _text(self, row: Row) -> str:
        if self.options.part == "prompt":
            return prompt_text(row)
        answers = f"{answer_text(row)}\n{rejected_text(row)}"
        return answers if self.options.part == "answer" else f"{prompt_text(row)}\n{answers}"

    def _sets(self, rows: Sequence[Row]) -> Sets:
        """Shingles of each row without the frame; a row that is nothing but frame keeps it."""
        sets = shingles([self._text(row) for row in rows], ngram=self.options.ngram)
        return without(sets, self._frame) if len(self._frame) else sets

    def _dropped(
        self, rows: dict[str, list[Row]], every: list[tuple[str, Row]], *, near: Near, worth: Sequence[int]
    ) -> StepResult:
        keeper = keepers(worth, near.neighbours, alike=near.alike)
        gone, kept = [], {split: [] for split in rows}
        for place, (split, row) in enumerate(every):
            if place in keeper:
                gone.append(Gone(row, split, "duplicate", REASON, every[keeper[place]][1].id))
            else:
                kept[split].append(row)
        clusters: dict[int, list[int]] = defaultdict(list)
        for place, stays in keeper.items():
            clusters[stays].append(place)
        return StepResult(kept, gone, {}, report=self._report(every, clusters, near=near))

    def _grouped(
        self, rows: dict[str, list[Row]], every: list[tuple[str, Row]], *, near: Near, pairs: NDArray[np.int64]
    ) -> StepResult:
        first = components(pairs, alike=near.alike)
        kept: dict[str, list[Row]] = {split: [] for split in rows}
        changed: list[Changed] = []
        clusters: dict[int, list[int]] = defaultdict(list)
        for place, (split, row) in enumerate(every):
            if place in first:
                whole: Any = row
                old = whole.whole() if hasattr(whole, "whole") else whole
                family = every[first[place]][1].id
                new = replace(old, details=Details(**{**old.details, "family": family}))
                changed.append(Changed(row, new, REASON))
                row = new
                if place != first[place]:
                    clusters[first[place]].append(place)
            kept[split].append(row)
        return StepResult(kept, [], {}, changed, report=self._report(every, clusters, near=near))

    def _report(self, every: list[tuple[str, Row]], clusters: dict[int, list[int]], *, near: Near) -> dict[str, Any]:
        """The largest clusters, the row that stays first, for people."""
        largest = sorted(clusters.items(), key=lambda item: (-len(item[1]), item[0]))
        return {
            "clusters": len(clusters),
            "rows": sum(map(len, clusters.values())),
            "pairs_with_other_labels": near.conflicts,
            "frame_shingles": len(self._frame),
            "largest": [self._cluster(every, [stays, *some], near=near) for stays, some in largest[:SHOWN_CLUSTERS]],
        }

    def _cluster(self, every: list[tuple[str, Row]], places: list[int], *, near: Near) -> dict[str, Any]:
        """One cluster; the first of its places is the row that stays."""
        shown = [self._shown(every, place, near.similarity(place, places[0])) for place in places[:SHOWN_ROWS]]
        return {"size": len(places), "rows": shown}

    def _shown(self, every: list[tuple[str, Row]], place: int, similarity: float) -> dict[str, Any]:
        split, row = every[place]
        at = {"id": row.id, "split": split, "source": row.source, "line": row.line, "similarity": round(similarity, 4)}
        return {**at, "text": self._text(row).strip()[:SHOWN_TEXT]}


class Near:
    """Rows that may be alike: who meets whom, and how alike two of them are. Memory: their shingles and the pairs.

    `places` ascend; `conflicts` counts pairs that are alike and have two labels, of those that were looked at.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        pairs: NDArray[np.int64],
        *,
        sets_of: Callable[[Sequence[Row]], Sets],
        threshold: float,
    ) -> None:
        self._threshold = threshold
        self.conflicts = 0
        self.places = np.unique(pairs)
        self._index = {place: at for at, place in enumerate(self.places.tolist())}
        self._labels = {place: rows[place].label for place in self._index}
        both = np.concatenate([pairs, pairs[:, ::-1]]).astype(np.int32)
        order = np.lexsort((both[:, 1], both[:, 0]))
        self._others = both[order, 1]
        self._starts = np.searchsorted(both[order, 0], np.append(self.places, np.iinfo(np.int32).max))
        hashes, counts = [np.zeros(0, np.uint64)], [np.zeros(1, np.int64)]
        for start in range(0, len(self.places), BATCH_ROWS):
            batch = sets_of([rows[place] for place in self.places[start : start + BATCH_ROWS].tolist()])
            hashes.append(batch.hashes)
            counts.append(np.diff(batch.starts))
        self._sets = Sets(np.concatenate(hashes), np.cumsum(np.concatenate(counts)))

    def neighbours(self, place: int) -> list[int]:
        """Places of the rows that it meets, ascending."""
        at = self._index[place]
        return self._others[self._starts[at] : self._starts[at + 1]].tolist()

    def similarity(self, one: int, other: int) -> float:
        """Exact, in [0, 1]."""
        return jaccard(self._sets.of(self._index[one]), self._sets.of(self._index[other]))

    def alike(self, one: int, other: int) -> bool:
        """True for two rows with one label whose similarity is at least the threshold."""
        if self.similarity(one, other) < self._threshold:
            return False
        same = self._labels[one] == self._labels[other]
        self.conflicts += not same
        return same


def without(sets: Sets, frame: Hashes) -> Sets:
    """Sets less some shingles (ascending); one that would lose all keeps them."""
    at = np.minimum(np.searchsorted(frame, sets.hashes), len(frame) - 1)
    stays = frame[at] != sets.hashes
    owners = np.repeat(np.arange(len(sets.starts) - 1), np.diff(sets.starts))
    left = np.bincount(owners[stays], minlength=len(sets.starts) - 1)
    stays |= left[owners] == 0
    counts = np.bincount(owners[stays], minlength=len(sets.starts) - 1)
    return Sets(sets.hashes[stays], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def candidates(marks: Sequence[Hashes | None]) -> NDArray[np.int64]:
    """Pairs of places [P, 2] that share a band, each once, the smaller first."""
    places = np.array([at for at, mark in enumerate(marks) if mark is not None], np.int64)
    if len(places) < 2:
        return np.zeros((0, 2), np.int64)
    matrix = np.stack([mark for mark in marks if mark is not None])
    found = np.zeros(0, np.int64)
    for band in range(BANDS):
        order = np.argsort(matrix[:, band], kind="stable")
        pairs = [pair[:, 0] << 32 | pair[:, 1] for pair in _pairs_of(places[order], matrix[order, band])]
        found = np.sort(np.concatenate([found, *pairs]))
        found = found[np.insert(found[1:] != found[:-1], 0, True)] if len(found) else found
    return np.stack([found >> 32, found & 0xFFFFFFFF], 1)


def _pairs_of(places: NDArray[np.int64], keys: Hashes) -> Iterator[NDArray[np.int64]]:
    """Pairs of places with equal keys; `places` ascend within equal keys."""
    starts = np.flatnonzero(np.insert(keys[1:] != keys[:-1], 0, True))
    sizes = np.diff(np.append(starts, len(keys)))
    for size in np.unique(sizes[(sizes > 1) & (sizes <= ALL_PAIRS)]).tolist():
        groups = places[starts[sizes == size][:, None] + np.arange(size)]
        one, other = np.triu_indices(size, 1)
        yield np.stack([groups[:, one].ravel(), groups[:, other].ravel()], 1)
    large = sizes > ALL_PAIRS
    for start, size in zip(starts[large].tolist(), sizes[large].tolist(), strict=True):
        group = places[start : start + size]
        yield np.stack([np.full(size - 1, group[0]), group[1:]], 1)
        if size <= CHAINED:
            yield np.stack([group[:-1], group[1:]], 1)


def keepers(
    worth: Sequence[int], neighbours: Callable[[int], Sequence[int]], *, alike: Callable[[int, int], bool]
) -> dict[int, int]:
    """Of each row that goes, the place of the row that stays, to which it was verified to be alike.

    `worth`: places in the order in which they are worth keeping. A row meets neighbours that stay, then the rows that
    stay in place of neighbours that went.
    """
    keeper: dict[int, int] = {}
    stays: set[int] = set()
    for place in worth:
        near = neighbours(place)
        direct = [other for other in near if other in stays]
        further = dict.fromkeys(keeper[other] for other in near if other in keeper)
        met = next((other for other in dict.fromkeys([*direct, *further]) if alike(place, other)), None)
        if met is None:
            stays.add(place)
        else:
            keeper[place] = met
    return keeper


def components(pairs: NDArray[np.int64], *, alike: Callable[[int, int], bool]) -> dict[int, int]:
    """Of each row that is alike to another, the first place of all that such pairs join."""
    parent: dict[int, int] = {}

    def first(place: int) -> int:
        while parent.setdefault(place, place) != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for one, other in pairs.tolist():
        low, high = sorted((first(one), first(other)))
        if low != high and alike(one, other):
            parent[high] = low
    found = {place: first(place) for place in list(parent)}
    joined = {root for place, root in found.items() if place != root}
    return {place: root for place, root in found.items() if root in joined}
