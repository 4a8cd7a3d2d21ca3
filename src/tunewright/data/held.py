"""Training rows that hold a measured row: the other way round than `overlap`, which asks it of each measured row.

Three looks at each training row, the first that finds something decides:

exact: its prompt, or one of its user turns, is the prompt of a measured row but for case, spaces and punctuation. A
prompt that more than a tenth of the measured rows share is a form letter; then the answer must be the same, too.

runs: `overlap`'s runs of words cover at least `share` of the measured row.

similar: for what is shorter than 104 words, where two changed words may break most runs. Candidates share runs of three
words. Of a candidate, a stretch one and a half times as long as the measured text must have at least `share` of its
words, counted plainly, and counted by how rare they are: log(1 + rows / rows with the word). So two texts that have
only a common frame are not alike, and the order of clauses does not matter. The text is the prompt where that has 12
words or more, else prompt and answer. What has fewer than 8 words is looked for exactly alone: such a text is found
by chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.core.ports import Row
from tunewright.data.ngrams import Ids, Index
from tunewright.data.overlap import (
    COMMON_ROWS,
    COMMON_SHARE,
    NGRAM,
    PARTS,
    Block,
    Search,
    blocks,
    pairs_in,
    prompt_key,
)
from tunewright.data.words import answer_text, prompt_text, words_of

LEAST_WORDS = 8
PROMPT_WORDS = 12
LONG_WORDS = 2 * PARTS * NGRAM
"""In longer texts two changed words and another answer leave 0.7 of the words in runs, wherever they stand."""
CANDIDATE_RUN, CANDIDATE_SHARE = 3, 0.3
STRETCH = 1.5
STEPS = 4
"""A stretch moves on by this part of the measured text."""
Kind = Literal["exact", "near"]


class Held(NamedTuple):
    """What a training row holds: the place of the measured row, exactly or nearly, and the share of its words."""

    measured: int
    kind: Kind
    share: float


class Text(NamedTuple):
    """What is compared of a measured row by similarity."""

    measured: int
    ids: Ids


def held(train: Iterable[Row], measured: Sequence[Row], *, ngram: int = NGRAM, share: float = 0.7) -> dict[int, Held]:
    """By place of the training row, the measured row that it holds most of. Training rows are read once, not kept."""
    if not measured:
        return {}
    search = Search(measured, ngram=ngram)
    prompts = Prompts(measured, search)
    similar = Similar(measured, search, share=share)
    runs: dict[int, Held] = {}
    first = 0
    for block in blocks(prompts.watched(train), search):
        runs.update(_runs(block, search, share=share, first=first))
        similar.look(block, first=first)
        first += len(block.places)
    return {**similar.found(rows=first), **runs, **prompts.found}


def _runs(block: Block, search: Search, *, share: float, first: int) -> dict[int, Held]:
    """Rows of a block that hold `share` of a measured row in long runs."""
    found: dict[int, Held] = {}
    words = search.words
    for rows, owners, counts in search.matches(block):
        shares = counts / words[owners]
        for at in np.flatnonzero((shares >= share) & (words[owners] >= LEAST_WORDS)).tolist():
            row = first + int(rows[at])
            one = Held(int(owners[at]), "near", float(shares[at]))
            if row not in found or one.share > found[row].share:
                found[row] = one
    return found


class Prompts:
    """Prompts of measured rows; `found` are training rows with one of them, seen on the way through `watched`."""

    def __init__(self, measured: Sequence[Row], search: Search) -> None:
        self._search = search
        self._places: dict[bytes | str, list[int]] = {}
        self._answers = [_words(answer_text(row)) for row in measured]
        for place, row in enumerate(measured):
            key = prompt_key(row, search.numbered(words_of(prompt_text(row))))
            if key:
                self._places.setdefault(key, []).append(place)
        self._common = max(COMMON_ROWS, COMMON_SHARE * len(measured))
        self.found: dict[int, Held] = {}

    def watched(self, train: Iterable[Row]) -> Iterator[Row]:
        """The same rows."""
        for number, row in enumerate(train):
            place = self._place(row)
            if place is not None:
                self.found[number] = Held(place, "exact", 1.0)
            yield row

    def _place(self, row: Row) -> int | None:
        whole = words_of(prompt_text(row))
        users = [at for at, turn in enumerate(row.messages) if turn.get("role") == "user"]
        asked = [(whole, answer_text(row))]
        if len(users) > 1:
            asked += [(words_of(row.messages[at].get("content", "")), _next(row, at)) for at in users]
        for words, answer in asked:
            ids = self._search.numbered(words)
            if 0 in ids or (words is not whole and len(words) < LEAST_WORDS):
                continue
            key = prompt_key(row, ids) if words is whole else np.array(ids, dtype=np.int32).tobytes()
            places = self._places.get(key, []) if key else []
            if len(places) > self._common:
                said = _words(answer)
                places = [place for place in places if self._answers[place] == said]
            if places:
                return places[0]
        return None


def _next(row: Row, at: int) -> str:
    return row.messages[at + 1].get("content", "") if at + 1 < len(row.messages) else ""


def _words(text: str) -> tuple[str, ...]:
    return tuple(words_of(text))


class Similar:
    """Short measured texts, candidates among the training rows, and how rare words are."""

    def __init__(self, measured: Sequence[Row], search: Search, *, share: float) -> None:
        self._share, self._measured = share, len(measured)
        self._texts = {text.measured: text.ids for text in _texts(measured, search)}
        pairs = list(self._texts.items())
        common = max(COMMON_ROWS, COMMON_SHARE * len(measured))
        self._index = Index(pairs, size=CANDIDATE_RUN, common=common, total=len(measured)) if pairs else None
        self._having: Counter[int] = Counter(word for _place, ids in pairs for word in set(ids.tolist()))
        self._candidates: list[tuple[int, int, Ids]] = []

    def look(self, block: Block, *, first: int) -> None:
        """Note candidates, and count in how many rows words stand."""
        if self._index is None:
            return
        self._count(block)
        rows, owners, counts = pairs_in(block, self._index, total=self._measured)
        for at in np.flatnonzero(counts >= CANDIDATE_SHARE * self._index.per_row[owners]).tolist():
            row = int(rows[at])
            ids = block.ids[block.starts[row] : block.starts[row + 1]].copy()
            self._candidates.append((first + row, int(owners[at]), ids))

    def _count(self, block: Block) -> None:
        rows = np.repeat(np.arange(len(block.places), dtype=np.int64), np.diff(block.starts))
        known = block.ids > 0
        size = int(block.ids.max(initial=0)) + 1
        once = np.unique(rows[known] * size + block.ids[known]) % size
        for word, count in enumerate(np.bincount(once).tolist()):
            if count:
                self._having[word] += count

    def found(self, *, rows: int) -> dict[int, Held]:
        """Candidates that are alike; `rows` were looked at."""
        total = rows + self._measured
        weights = np.zeros(max(self._having, default=0) + 1)
        for word, count in self._having.items():
            weights[word] = np.log1p(total / count)
        found: dict[int, Held] = {}
        for row, place, ids in self._candidates:
            share = likeness(self._texts[place], ids, weights=weights)
            if share >= self._share and (row not in found or share > found[row].share):
                found[row] = Held(place, "near", share)
        return found


def _texts(measured: Sequence[Row], search: Search) -> Iterator[Text]:
    for place, row in enumerate(measured):
        words = words_of(prompt_text(row))
        if len(words) < PROMPT_WORDS:
            words = [*words, *words_of(answer_text(row))]
        if LEAST_WORDS <= len(words) < LONG_WORDS:
            yield Text(place, np.array(search.numbered(words), dtype=np.int32))


def likeness(wanted: Ids, ids: Ids, *, weights: NDArray[np.float64]) -> float:
    """The share of the wanted words, plain or weighted, whichever is less, in the stretch that has most of them."""
    counts = Counter(wanted.tolist())
    size = int(STRETCH * len(wanted))
    step = max(1, len(wanted) // STEPS)
    heavy = sum(weights[word] * count for word, count in counts.items())
    best = 0.0
    for start in range(0, max(1, len(ids) - size + step), step):
        there = counts & Counter(ids[start : start + size].tolist())
        plain = there.total() / len(wanted)
        weighted = sum(weights[word] * count for word, count in there.items()) / heavy
        best = max(best, min(plain, float(weighted)))
    return best
