"""Measured rows that stand in the training rows: a test that was trained on measures memory, not skill.

Two findings for each measured row. The same prompt: equal but for case, spaces and punctuation. And the share of its
words that stand in runs of n words which it has in common with one training row, so that a copy in which a few words
were changed is found. Runs of 13 words are those of Brown et al., 2020 ("Language Models are Few-Shot Learners", arXiv
2005.14165, section 4 and appendix C); counting words and not runs is what Touvron et al., 2023 ("Llama 2", arXiv
2307.09288, appendix A.6) do. In a row of fewer than 52 words one changed word would break most runs of 13, so there a
run is a quarter of the row and at least 4 words; a row of fewer than 14 words is looked for whole.

A row is its prompt and its answer, one after the other, without the system turn. Runs that stand in many measured rows
are the wording of a prompt and say nothing about one of them; they are left out (the first of these papers leaves out
what stands in many documents).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat

import numpy as np
from numpy.typing import NDArray

from tunewright.core.ports import Row
from tunewright.data.ngrams import Ids, Index, covered
from tunewright.data.words import answer_text, prompt_text, rejected_text, words_of

NGRAM = 13
SHORT_WORDS, LEAST_WORDS, PARTS = 14, 4, 4
"""A row of fewer words than the first is one run; of a longer one a run is this part of it, at least so many words."""
BLOCK_WORDS = 1 << 18
COMMON_ROWS, COMMON_SHARE = 10, 0.1
"""An n-gram in more measured rows than these, as a number and as a share of all, is common wording."""


@dataclass(frozen=True)
class Overlap:
    """What the training rows hold of one measured row.

    `exact`: its prompt is that of a training row. `share` in [0, 1] of its `words` that stand in runs of one training
    row, the one that has most of them; `words` are those in any run that is looked for, and the share is 0 where there
    are none. `where` is that row (file:line), or the first one with the same prompt; empty when there is none.
    """

    row: Row
    exact: bool
    share: float
    words: int
    where: str


def overlaps(train: Iterable[Row], measured: Sequence[Row], *, ngram: int = NGRAM) -> list[Overlap]:
    """One finding for each measured row, in order. Training rows are read once and not kept.

    Memory grows with the words of the measured rows alone. Raises ValueError when `ngram` is below 1.
    """
    if ngram < 1:
        raise ValueError(f"ngram is {ngram}; it is at least 1")
    search = Search(measured, ngram=ngram)
    for block in blocks(train, search):
        search.look(block)
    return search.found()


@dataclass(frozen=True)
class Block:
    """Some training rows: places (file:line), and the numbers of their words, a 0 after each piece of text.

    `starts` int64 [rows + 1] are offsets into `ids` int32 [words].
    """

    places: list[str]
    starts: NDArray[np.int64]
    ids: Ids


class Search:
    """n-grams and prompts of the measured rows, and the best training row for each so far."""

    def __init__(self, measured: Sequence[Row], *, ngram: int) -> None:
        self._measured = measured
        self._numbers: dict[str, int] = {}
        self._prompts: dict[bytes | str, list[int]] = {}
        self._exact: dict[int, str] = {}
        self._where = [""] * len(measured)
        self._hits = np.zeros(len(measured), np.int64)
        by_size: dict[int, list[tuple[int, Ids]]] = {}
        for index, row in enumerate(measured):
            ids = self._learn(index, row)
            if len(ids):
                by_size.setdefault(run_words(len(ids), ngram), []).append((index, ids))
        common = max(COMMON_ROWS, COMMON_SHARE * len(measured))
        self._indexes = [
            Index(rows, size=size, common=common, total=len(measured)) for size, rows in sorted(by_size.items())
        ]
        self._words = sum((index.per_row for index in self._indexes), np.zeros(len(measured), np.int64))

    def _learn(self, index: int, row: Row) -> Ids:
        """Remember the prompt; returns the numbers of the row's words."""
        prompt, answer = words_of(prompt_text(row)), words_of(answer_text(row))
        for word in (*prompt, *answer):
            self._numbers.setdefault(word, len(self._numbers) + 1)
        numbers = self.numbered(prompt)
        self._prompts.setdefault(prompt_key(row, numbers), []).append(index)
        return np.array(numbers + self.numbered(answer), dtype=np.int32)

    def numbered(self, words: Iterable[str]) -> list[int]:
        """Numbers of words from 1; 0 for one that no measured row has."""
        return list(map(self._numbers.get, words, repeat(0)))

    def note_prompt(self, row: Row, prompt: list[int], *, place: str) -> None:
        """Remember the first training row with the prompt of a measured one."""
        key = prompt_key(row, prompt)
        for index in self._prompts.get(key, ()) if key and 0 not in prompt else ():
            self._exact.setdefault(index, place)

    def look(self, block: Block) -> None:
        """Keep the training row of a block that has most words of a measured row, where it beats those before."""
        for rows, measured, counts in self.matches(block):
            better = counts > self._hits[measured]
            for row, index, count in zip(
                rows[better].tolist(), measured[better].tolist(), counts[better].tolist(), strict=True
            ):
                if count > self._hits[index]:
                    self._hits[index] = count
                    self._where[index] = block.places[row]

    def matches(self, block: Block) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Row of the block, measured row, and how many words of the second stand in runs of the first.

        Runs of one measured row have one size, so a pair comes once.
        """
        total = len(self._measured)
        for index in self._indexes:
            yield pairs_in(block, index, total=total)

    @property
    def words(self) -> NDArray[np.int64]:
        """Words of each measured row that are looked for."""
        return self._words

    def found(self) -> list[Overlap]:
        """A finding for each measured row."""
        return [self._finding(index, row) for index, row in enumerate(self._measured)]

    def _finding(self, index: int, row: Row) -> Overlap:
        words, place = int(self._words[index]), self._exact.get(index)
        share = int(self._hits[index]) / words if words else 0.0
        return Overlap(row, place is not None, share, words, place or self._where[index])


def pairs_in(
    block: Block, index: Index, *, total: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of a block, indexed rows (numbers below `total`), and words of the second that runs of the first cover."""
    at, grams = index.places(block.ids)
    rows = np.searchsorted(block.starts, at, side="right") - 1
    rows, grams = np.unique(np.stack([rows, grams]), axis=1)
    place, owners, offsets = index.owners(grams)
    pairs, counts = covered(rows[place] * total + owners, offsets, size=index.size)
    return pairs // total, pairs % total, counts


def run_words(words: int, ngram: int) -> int:
    """Words of a run in a row of so many words; never more than `ngram`, nor than the row has."""
    part = words if words < SHORT_WORDS else max(LEAST_WORDS, words // PARTS)
    return min(ngram, part)


def blocks(train: Iterable[Row], search: Search) -> Iterator[Block]:
    """Training rows in blocks of bounded size; their prompts are compared on the way."""
    places: list[str] = []
    ids: list[int] = []
    starts = [0]
    for row in train:
        places.append(f"{row.source}:{row.line}")
        prompt = search.numbered(words_of(prompt_text(row)))
        search.note_prompt(row, prompt, place=places[-1])
        ids += [*prompt, *search.numbered(words_of(answer_text(row))), 0]
        if row.rejected:
            ids += [*search.numbered(words_of(rejected_text(row))), 0]
        starts.append(len(ids))
        if len(ids) >= BLOCK_WORDS:
            yield Block(places, np.array(starts), np.array(ids, dtype=np.int32))
            places, ids, starts = [], [], [0]
    yield Block(places, np.array(starts), np.array(ids, dtype=np.int32))


def prompt_key(row: Row, prompt: list[int]) -> bytes | str:
    """What equal prompts share; one without any word (signs, emoji) is compared as it stands."""
    return np.array(prompt, dtype=np.int32).tobytes() if prompt else "".join(prompt_text(row).split())
