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
from collections.abc import Iterator, Sequence
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
ALL_PAIRS = 12
"""A bucket of up to so many rows gives every pair; of a larger one each row meets the first and its neighbour."""
FRAME_ROWS = 50
"""With fewer rows nothing is said to stand in most of them."""
SHOWN_CLUSTERS, SHOWN_ROWS, SHOWN_TEXT = 100, 6, 600
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
        """Of each row a key of every band, uint64 [B]; None of a row without words."""
        sets = self._sets(rows)
        flat = sets.hashes * _ODD  # MinHash wants 64 bits that are spread
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, sets.starts.astype(np.uint64), PERMUTATIONS, SEED)
        signatures = np.array(matrix.to_rows(), np.uint64).reshape(len(rows), PERMUTATIONS)
        keys = np.zeros((len(rows), BANDS), np.uint64)
        for part in range(BAND_ROWS):
            keys = (keys ^ (keys >> np.uint64(29))) * _ODD + signatures[:, part : BANDS * BAND_ROWS : BAND_ROWS]
        empty = np.diff(sets.starts) == 0
        return [None if empty[at] else keys[at] for at in range(len(rows))]

    def decide(self, rows: dict[str, list[Row]], found: dict[str, list[Hashes | None]]) -> StepResult:
        """Rows without near duplicates of those that stay; or all of them, those alike in one family."""
        splits = sorted(rows, key=PRECEDENCE.index)
        every = [(split, row) for split in splits for row in rows[split]]
        keys = [key for split in splits for key in found[split]]
        pairs = candidates(keys)
        edges = self._verified([row for _split, row in every], pairs)
        if self.options.action == "group":
            return self._grouped(rows, every, edges)
        return self._dropped(rows, every, edges)

    def _text(self, row: Row) -> str:
        if self.options.part == "prompt":
            return prompt_text(row)
        answers = f"{answer_text(row)}\n{rejected_text(row)}"
        return answers if self.options.part == "answer" else f"{prompt_text(row)}\n{answers}"

    def _sets(self, rows: Sequence[Row]) -> Sets:
        """Shingles of each row without the frame; a row that is nothing but frame keeps it."""
        sets = shingles([self._text(row) for row in rows], ngram=self.options.ngram)
        return without(sets, self._frame) if len(self._frame) else sets

    def _verified(self, rows: Sequence[Row], pairs: NDArray[np.int64]) -> dict[int, dict[int, float]]:
        """Neighbours of each row by place, with their exact similarity."""
        edges: dict[int, dict[int, float]] = defaultdict(dict)
        sets: dict[int, Hashes] = {}
        conflicts = 0
        needed = np.unique(pairs)
        for start in range(0, len(needed), BATCH_ROWS):
            places = needed[start : start + BATCH_ROWS].tolist()
            batch = self._sets([rows[place] for place in places])
            sets |= {place: batch.of(at).copy() for at, place in enumerate(places)}
        for one, other in pairs.tolist():
            similarity = jaccard(sets[one], sets[other])
            if similarity < self.options.threshold:
                continue
            if rows[one].label != rows[other].label:
                conflicts += 1
                continue
            edges[one][other] = edges[other][one] = similarity
        self._known, self._conflicts = sets, conflicts
        return edges

    def _dropped(
        self, rows: dict[str, list[Row]], every: list[tuple[str, Row]], edges: dict[int, dict[int, float]]
    ) -> StepResult:
        labels = [row.label for _split, row in every]

        def alike(one: int, other: int) -> bool:
            return labels[one] == labels[other] and self._alike(one, other)

        keeper = keepers(every, edges, keep=self.options.keep, alike=alike, length=self._length)
        gone, kept = [], {split: [] for split in rows}
        for place, (split, row) in enumerate(every):
            if place in keeper:
                gone.append(Gone(row, split, "duplicate", REASON, every[keeper[place]][1].id))
            else:
                kept[split].append(row)
        clusters: dict[int, list[int]] = defaultdict(list)
        for place, stays in keeper.items():
            clusters[stays].append(place)
        return StepResult(kept, gone, {}, report=self._report(every, clusters))

    def _grouped(
        self, rows: dict[str, list[Row]], every: list[tuple[str, Row]], edges: dict[int, dict[int, float]]
    ) -> StepResult:
        first = components(edges)
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
        return StepResult(kept, [], {}, changed, report=self._report(every, clusters))

    def _alike(self, one: int, other: int) -> bool:
        return jaccard(self._known[one], self._known[other]) >= self.options.threshold

    def _length(self, place: int) -> int:
        return len(self._known[place])

    def _report(self, every: list[tuple[str, Row]], clusters: dict[int, list[int]]) -> dict[str, Any]:
        """The largest clusters, the row that stays first, for people."""
        largest = sorted(clusters.items(), key=lambda item: (-len(item[1]), item[0]))
        return {
            "clusters": len(clusters),
            "rows": sum(map(len, clusters.values())),
            "pairs_with_other_labels": self._conflicts,
            "frame_shingles": len(self._frame),
            "largest": [
                {
                    "size": 1 + len(others),
                    "rows": [self._shown(every, place, stays) for place in [stays, *others][:SHOWN_ROWS]],
                }
                for stays, others in largest[:SHOWN_CLUSTERS]
            ],
        }

    def _shown(self, every: list[tuple[str, Row]], place: int, stays: int) -> dict[str, Any]:
        split, row = every[place]
        similarity = round(jaccard(self._known[place], self._known[stays]), 4)
        at = {"id": row.id, "split": split, "source": row.source, "line": row.line, "similarity": similarity}
        return {**at, "text": self._text(row).strip()[:SHOWN_TEXT]}


def without(sets: Sets, frame: Hashes) -> Sets:
    """Sets less some shingles (ascending); one that would lose all keeps them."""
    at = np.minimum(np.searchsorted(frame, sets.hashes), len(frame) - 1)
    stays = frame[at] != sets.hashes
    owners = np.repeat(np.arange(len(sets.starts) - 1), np.diff(sets.starts))
    left = np.bincount(owners[stays], minlength=len(sets.starts) - 1)
    stays |= left[owners] == 0
    counts = np.bincount(owners[stays], minlength=len(sets.starts) - 1)
    return Sets(sets.hashes[stays], np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def candidates(keys: Sequence[Hashes | None]) -> NDArray[np.int64]:
    """Pairs of places [P, 2] that share a band, each once, the smaller first."""
    places = np.array([at for at, key in enumerate(keys) if key is not None], np.int64)
    if len(places) < 2:
        return np.zeros((0, 2), np.int64)
    matrix = np.stack([key for key in keys if key is not None])
    pairs: list[NDArray[np.int64]] = []
    for band in range(BANDS):
        order = np.argsort(matrix[:, band], kind="stable")
        ordered = matrix[order, band]
        pairs += _pairs_of(places[order], ordered)
    joined = np.concatenate(pairs) if pairs else np.zeros((0, 2), np.int64)
    return np.unique(joined, axis=0) if len(joined) else joined


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
        yield np.stack([group[:-1], group[1:]], 1)


def keepers(
    every: Sequence[tuple[str, Row]],
    edges: dict[int, dict[int, float]],
    *,
    keep: str,
    alike: Any,
    length: Any,
) -> dict[int, int]:
    """Of each row that goes, the place of the row that stays, to which it was verified to be alike.

    Rows are looked at in the order in which they are worth keeping: by split, then the longest, then as they stand.
    """
    worth = sorted(edges, key=lambda at: (PRECEDENCE.index(every[at][0]), -length(at) if keep == "longest" else 0, at))
    keeper: dict[int, int] = {}
    stays: set[int] = set()
    for place in worth:
        near = sorted(edges[place], key=lambda other: -edges[place][other])
        direct = next((other for other in near if other in stays), None)
        if direct is None:  # a neighbour that went stands for the row that stays in its place
            further = dict.fromkeys(keeper[other] for other in near if other in keeper)
            direct = next((other for other in further if alike(place, other)), None)
        if direct is None:
            stays.add(place)
        else:
            keeper[place] = direct
    return keeper


def components(edges: dict[int, dict[int, float]]) -> dict[int, int]:
    """Of each row with an edge, the first place of all that edges join."""
    found: dict[int, int] = {}
    for start in sorted(edges):
        if start in found:
            continue
        waiting = [start]
        while waiting:
            place = waiting.pop()
            if place not in found:
                found[place] = start
                waiting += edges[place]
    return found
