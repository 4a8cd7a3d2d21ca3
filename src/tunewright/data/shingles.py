"""Texts as sets of shingles: hashes of n words in succession, computed for many texts at once.

Words are those of `data.words.words_of`: runs of letters and digits, case folded; each character of Chinese, Japanese
and Korean is a word. A text of fewer than n words is one shingle of all of them; a text without words has none.
Letters: C characters of all texts, W words, S shingles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.data.words import words_of

Hashes = NDArray[np.uint64]
_A, _B = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9)
"""Odd numbers that spread bits: the golden ratio, and a constant of SplitMix64 (Steele et al., 2014)."""
HASH_BITS = 44
"""Of a shingle: two texts of 10,000 shingles share one by chance once in 170,000 pairs."""
MOST_TEXTS = 1 << (64 - HASH_BITS)
BLOCK_CHARACTERS = 1 << 15
_PLANE = 1 << 16
_APART, _WORD, _SINGLE = 0, 1, 2


class Sets(NamedTuple):
    """Sets of several texts: `hashes` uint64 [S], ascending within each; set i is hashes[starts[i]:starts[i + 1]]."""

    hashes: Hashes
    starts: NDArray[np.int64]

    def of(self, index: int) -> Hashes:
        """One set."""
        return self.hashes[self.starts[index] : self.starts[index + 1]]


def shingles(texts: Sequence[str], *, ngram: int) -> Sets:
    """The set of each text. Raises ValueError for too many texts at once, or an n below 1."""
    if len(texts) >= MOST_TEXTS or ngram < 1:
        raise ValueError(f"{len(texts)} texts at once, {ngram} words a shingle")
    parts = [_keys(texts[start:end], start, ngram=ngram) for start, end in _blocks(texts)]
    keys = np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    starts = np.searchsorted(keys, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(HASH_BITS))
    return Sets(keys & np.uint64((1 << HASH_BITS) - 1), starts.astype(np.int64))


def _blocks(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Texts in groups whose values stay near the processor."""
    start = size = 0
    for at, text in enumerate(texts):
        size += len(text) + 1
        if size >= BLOCK_CHARACTERS:
            yield start, at + 1
            start, size = at + 1, 0
    if start < len(texts):
        yield start, len(texts)


def _keys(texts: Sequence[str], start: int, *, ngram: int) -> Hashes:
    """Number of the text and hash of each shingle as one number, ascending, each once."""
    words, owners = _words(texts)
    hashes, owners = _runs(words, owners, ngram=ngram)
    above = (owners + start).astype(np.uint64) << np.uint64(HASH_BITS)
    keys = np.sort(above | (hashes >> np.uint64(64 - HASH_BITS)))
    return keys[np.insert(keys[1:] != keys[:-1], 0, True)] if len(keys) else keys


def jaccard(one: Hashes, other: Hashes) -> float:
    """Shared shingles over all shingles, in [0, 1]; 1 for two empty sets."""
    if not len(one) or not len(other):
        return float(len(one) == len(other))
    if len(one) > len(other):
        one, other = other, one
    at = np.searchsorted(other, one)
    at[at == len(other)] = 0
    shared = int(np.count_nonzero(other[at] == one))
    return shared / (len(one) + len(other) - shared)


def _words(texts: Sequence[str]) -> tuple[Hashes, NDArray[np.int64]]:
    """A hash of each word, and which text it stands in.

    A word is a polynomial over its characters modulo 2^64: a difference of two running sums, moved to the first power.
    """
    folded = [text.casefold() for text in texts]
    codes = np.frombuffer("\0".join(folded).encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds(codes)
    edges = kinds[1:] != kinds[:-1]
    if kinds.max(initial=0) == _SINGLE:
        edges |= kinds[1:] == _SINGLE
    cuts = np.flatnonzero(np.concatenate([[True], edges, [True]]) if len(codes) else np.zeros(0, bool))
    inside = np.flatnonzero(kinds[cuts[:-1]] > _APART) if len(cuts) else np.zeros(0, np.int64)
    if not len(inside):
        return np.zeros(0, np.uint64), np.zeros(0, np.int64)
    first, end = cuts[inside], cuts[inside + 1]
    powers, inverses = _powers(len(codes))
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum((codes + np.uint32(1)) * powers, out=sums[1:])
    hashes = (sums[end] - sums[first]) * inverses[first]
    hashes = (hashes ^ (hashes >> np.uint64(29)) ^ (end - first).astype(np.uint64)) * _B
    ends = np.cumsum([len(text) + 1 for text in folded])
    return hashes ^ (hashes >> np.uint64(31)), np.searchsorted(ends, first, side="right")


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """Powers of an odd number and of its inverse, modulo 2^64."""
    size = 1 << max(16, (count - 1).bit_length())
    powers, inverses = _table_of_powers(size)
    return powers[:count], inverses[:count]


@cache
def _table_of_powers(size: int) -> tuple[Hashes, Hashes]:
    inverse = np.uint64(pow(int(_A), -1, 1 << 64))
    found = []
    for base in (_A, inverse):
        factors = np.full(size, base, np.uint64)
        factors[0] = 1
        found.append(np.cumprod(factors, dtype=np.uint64))
    return found[0], found[1]


def _runs(words: Hashes, owners: NDArray[np.int64], *, ngram: int) -> tuple[Hashes, NDArray[np.int64]]:
    """A hash of each run of `ngram` words of one text, or of all its words where there are fewer."""
    if not len(words):
        return words, owners
    hashes, count = words * _A, len(words)
    for step in range(1, ngram):
        ahead = np.zeros(count, np.uint64)
        ahead[: max(count - step, 0)] = words[step:]
        ahead[: max(count - step, 0)][owners[step:] != owners[: max(count - step, 0)]] = 0
        hashes = ((hashes ^ (hashes >> np.uint64(32))) + ahead) * (_A + np.uint64(2 * step))
    firsts = np.flatnonzero(np.insert(owners[1:] != owners[:-1], 0, True))
    whole = np.zeros(count, bool)
    if count >= ngram:
        whole[: count - ngram + 1] = owners[ngram - 1 :] == owners[: count - ngram + 1]
    whole[firsts] = True  # a text of fewer words is one run
    return (hashes * _B)[whole], owners[whole]


def _kinds(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Of each character: between words, part of a word, or a word of its own."""
    table = _table()
    if not len(codes) or int(codes.max()) < _PLANE:
        return table[codes]
    kinds = table[np.minimum(codes, _PLANE - 1)]
    for at in np.flatnonzero(codes >= _PLANE).tolist():
        kinds[at] = _kind(chr(int(codes[at])))
    return kinds


@cache
def _table() -> NDArray[np.uint8]:
    return np.array([_kind(chr(code)) for code in range(_PLANE)], np.uint8)


@cache
def _kind(character: str) -> int:
    if not words_of(character):
        return _APART
    return _SINGLE if len(words_of(character * 2)) == 2 else _WORD
