"""Near duplicates over all splits: candidates by MinHash (Broder, 1997) and banding, each pair verified exactly.

A row goes only where it was verified to be alike to a row that stays, with the same label and rating: two labels of
almost one text contradict one another, and which is right is not for us to say; the report counts such pairs. 25 bands
of 5 find a pair of similarity 0.7 with probability 0.99, one of 0.8 with 0.99995 (Leskovec et al., Mining of Massive
Datasets, section 3.4).
N rows, B bands.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash  # pyright: ignore[reportAttributeAccessIssue] - compiled, without stubs

from tunewright.core.ports import Changed, Details, Gone, Phase, Row, StepResult
from tunewright.data.bands import NOBODY, Pairs, Places, candidates, components, keepers
from tunewright.data.rows import is_compared, prompt_key
from tunewright.data.shelf import wholes
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
FRAME_ROWS = 50
"""With fewer rows nothing is said to stand in most of them."""
SHOWN_CLUSTERS, SHOWN_ROWS, SHOWN_TEXT = 100, 6, 600
Marks = NDArray[np.uint64]
"""uint64 [rows, B + 1]: a key of every band, and the number of shingles."""
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

    def map(self, rows: Sequence[Row]) -> Marks:
        """Of each row a key of every band and its number of shingles (0: it has no words), uint64 [rows, B + 1]."""
        sets = self._sets(rows)
        flat = sets.hashes * _ODD  # MinHash wants 64 bits that are spread
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(flat, sets.starts.astype(np.uint64), PERMUTATIONS, SEED)
        signatures = np.array(matrix.to_rows(), np.uint64).reshape(len(rows), PERMUTATIONS)
        keys = np.zeros((len(rows), BANDS), np.uint64)
        for part in range(BAND_ROWS):
            keys = (keys ^ (keys >> np.uint64(29))) * _ODD + signatures[:, part : BANDS * BAND_ROWS : BAND_ROWS]
        return np.concatenate([keys, np.diff(sets.starts).astype(np.uint64)[:, None]], axis=1)

    def gather(self, found: Iterable[Any], *, rows: int) -> Marks:
        """Marks of all rows of a split in one array."""
        marks = np.empty((rows, BANDS + 1), np.uint64)
        for at, mark in enumerate(found):
            marks[at] = mark
        return marks

    def decide(self, rows: dict[str, list[Row]], found: dict[str, Marks]) -> StepResult:
        """Rows without near duplicates of those that stay; or all of them, those alike in one family."""
        every = Every(rows)
        counts = every.joined(found, column=BANDS).astype(np.int64)
        worth = self._worth(every, counts)
        rank = np.empty(len(worth), np.int64)
        rank[worth] = np.arange(len(worth))
        rank[counts == 0] = NOBODY
        pairs = candidates((every.joined(found, column=band) for band in range(BANDS)), rank=rank)
        del found, rank  # as large as what is made next
        near = Near(every.rows, pairs, counts, sets_of=self._sets, threshold=self.options.threshold)
        return (self._grouped if self.options.action == "group" else self._dropped)(every, near, worth)

    def _worth(self, every: Every, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Places, those that are most worth keeping first: by split, length, as they stand; of families the last."""
        places = np.arange(len(counts))
        if self.options.action == "group":
            return places[::-1]
        return np.lexsort((places, -counts, every.splits)) if self.options.keep == "longest" else places

    def _text(self, row: Row) -> str:
        if self.options.part == "prompt":
            return prompt_text(row)
        answers = f"{answer_text(row)}\n{rejected_text(row)}"
        return answers if self.options.part == "answer" else f"{prompt_text(row)}\n{answers}"

    def _sets(self, rows: Sequence[Row]) -> Sets:
        """Shingles of each row without the frame; a row that is nothing but frame keeps it."""
        sets = shingles([self._text(row) for row in rows], ngram=self.options.ngram)
        return without(sets, self._frame) if len(self._frame) else sets

    def _dropped(self, every: Every, near: Near, worth: NDArray[np.int64]) -> StepResult:
        met = worth[near.stands[worth]]
        keeper = keepers(_each(met), near.pairs.of, rows=len(every.rows), alike=near.alike)
        report = self._report(every, keeper, near=near, order=met)
        near.let_go()
        kept, gone = every.empty(), []
        ids = {place: every.rows[place].id for place in np.unique(keeper[keeper != NOBODY]).tolist()}
        for place, (row, stays) in enumerate(zip(every.rows, keeper, strict=True)):
            if stays == NOBODY:
                kept[every.split(place)].append(row)
                continue
            gone.append(Gone(row, every.split(place), "duplicate", REASON, ids[int(stays)]))
        return StepResult(kept, gone, {}, report=report)

    def _grouped(self, every: Every, near: Near, worth: NDArray[np.int64]) -> StepResult:
        first = components(near.pairs.each(), rows=len(every.rows), alike=near.alike)
        others = np.where(first == np.arange(len(first)), NOBODY, first)
        report = self._report(every, others, near=near, order=worth[::-1])
        near.let_go()
        kept = every.empty()
        changed: list[Changed] = []
        for place, row in enumerate(every.rows):
            kept[every.split(place)].append(row)
            if first[place] != NOBODY:
                family = every.rows[first[place]].id
                old = next(wholes([row]))
                new = replace(old, details=Details(**{**old.details, "family": family}))
                changed.append(Changed(row, new, REASON))
                kept[every.split(place)][-1] = new
        return StepResult(kept, [], {}, changed, report=report)

    def _report(self, every: Every, keeper: Places, *, near: Near, order: NDArray[np.int64]) -> dict[str, Any]:
        """The largest clusters, the row that stays first, for people; `keeper` of each row that is with another."""
        led = order[keeper[order] != NOBODY]
        leaders, sizes = np.unique(keeper[led], return_counts=True)
        largest = np.lexsort((leaders, -sizes))[:SHOWN_CLUSTERS]
        return {
            "clusters": len(leaders),
            "rows": len(led),
            "pairs_with_other_labels": near.conflicts,
            "frame_shingles": len(self._frame),
            "largest": [
                self._cluster(every, led[keeper[led] == leaders[at]], near=near, leader=int(leaders[at]))
                for at in largest
            ],
        }

    def _cluster(self, every: Every, led: NDArray[np.int64], *, near: Near, leader: int) -> dict[str, Any]:
        """One cluster; first stands the row that stays."""
        places = [leader, *led[: SHOWN_ROWS - 1].tolist()]
        shown = [self._shown(every, place, near.similarity(place, leader)) for place in places]
        return {"size": len(led) + 1, "rows": shown}

    def _shown(self, every: Every, place: int, similarity: float) -> dict[str, Any]:
        row = every.rows[place]
        at = {
            "id": row.id,
            "split": every.split(place),
            "source": row.source,
            "line": row.line,
            "similarity": round(similarity, 4),
        }
        return {**at, "text": self._text(row).strip()[:SHOWN_TEXT]}


class Every:
    """Rows of all splits in one list, the most protected split first."""

    def __init__(self, rows: dict[str, list[Row]]) -> None:
        self._names = sorted(rows, key=PRECEDENCE.index)
        self._given = list(rows)
        self.rows = [row for name in self._names for row in rows[name]]
        self.splits = np.repeat(np.arange(len(self._names), dtype=np.int8), [len(rows[name]) for name in self._names])

    def split(self, place: int) -> str:
        """The split that a row stands in."""
        return self._names[self.splits[place]]

    def empty(self) -> dict[str, list[Row]]:
        """A list of no rows for each split, in the order in which splits were given."""
        return {name: [] for name in self._given}

    def joined(self, found: dict[str, Marks], *, column: int) -> Hashes:
        """One number of each row."""
        return np.concatenate([found[name][:, column] for name in self._names] or [np.zeros(0, np.uint64)])


class Near:
    """Rows that may be alike: who meets whom, and how alike two of them are. Memory: their shingles and the pairs.

    `counts`: shingles of each row. `stands` [N]: is it in a pair? `conflicts` counts pairs that are alike and have two
    labels, of those that were looked at.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        pairs: Pairs,
        counts: NDArray[np.int64],
        *,
        sets_of: Callable[[Sequence[Row]], Sets],
        threshold: float,
    ) -> None:
        self.pairs, self._rows, self._threshold = pairs, rows, threshold
        self.conflicts = 0
        places = pairs.places()
        self.stands = np.zeros(len(rows), bool)
        self.stands[places] = True
        self._index = np.cumsum(self.stands, dtype=np.int32) - 1
        starts = np.concatenate([[0], np.cumsum(counts[places])])
        self._sets = Sets(np.empty(starts[-1], np.uint64), starts)
        for start in range(0, len(places), BATCH_ROWS):
            some = places[start : start + BATCH_ROWS]
            batch = sets_of(list(wholes([rows[place] for place in some.tolist()])))
            self._sets.hashes[starts[start] : starts[start + len(some)]] = batch.hashes

    def let_go(self) -> None:
        """Forget pairs and shingles."""
        self._sets = Sets(np.zeros(0, np.uint64), np.zeros(1, np.int64))
        self.pairs = Pairs(np.zeros(0, np.int32), np.zeros(1, np.int64))

    def similarity(self, one: int, other: int) -> float:
        """Exact, in [0, 1]."""
        return jaccard(self._sets.of(self._index[one]), self._sets.of(self._index[other]))

    def alike(self, one: int, other: int) -> bool:
        """True for two rows with one label and one rating whose similarity is at least the threshold.

        Pairs and rated answers of one prompt are there to be compared: their prompt alone makes them no duplicates.
        """
        row, twin = self._rows[one], self._rows[other]
        compared = is_compared(row) and is_compared(twin)
        if compared and prompt_key(row) == prompt_key(twin):
            return False
        if self.similarity(one, other) < self._threshold:
            return False
        same = row.label == twin.label
        if same and compared:  # only these are read back from disk
            same = row.details.get("rating") == twin.details.get("rating")
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


def _each(places: NDArray[np.int64]) -> Iterator[int]:
    """Places as Python's numbers, a few at one time."""
    for start in range(0, len(places), BATCH_ROWS):
        yield from places[start : start + BATCH_ROWS].tolist()
