"""How many different things there are among very many, with flat memory, and how varied words are."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
EXACT_UP_TO = 1 << 18
KNOWN_WORDS = 1 << 18
WINDOW_WORDS = 1000
LONGEST = 3
"""n-grams of 1, 2 and 3 words."""
ONE_BY_ONE = r"([\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}])"
"""Written without spaces between words: each letter stands for a word."""
BETWEEN_WORDS = r"[^\p{L}\p{N}\p{M}_']+"


class Distinct:
    """Counts different hashes: exactly up to `exact_up_to`, beyond it by the k smallest (standard error 1/sqrt(k)).

    Source: Bar-Yossef, Jayram, Kumar, Sivakumar and Trevisan, 2002, "Counting Distinct Elements in a Data Stream".
    """

    def __init__(self, exact_up_to: int = EXACT_UP_TO) -> None:
        self._k = exact_up_to
        self._smallest: Hashes = np.zeros(0, np.uint64)
        self._waiting: list[Hashes] = []
        self._waiting_number = 0
        self.total = 0

    def add(self, hashes: Hashes) -> None:
        """Take some hashes, evenly spread over 64 bits."""
        self.total += len(hashes)
        if len(self._smallest) == self._k:
            hashes = hashes[hashes < self._smallest[-1]]
        if len(hashes):
            self._waiting.append(hashes)
            self._waiting_number += len(hashes)
        if self._waiting_number >= self._k:
            self._merge()

    def _merge(self) -> None:
        """Take in what waits: seldom, because it costs a pass over all that is known."""
        if self._waiting:
            self._smallest = np.unique(np.concatenate([self._smallest, *self._waiting]))[: self._k]
            self._waiting.clear()
            self._waiting_number = 0

    @property
    def exact(self) -> bool:
        """True when `count` is no estimate."""
        self._merge()
        return len(self._smallest) < self._k

    @property
    def count(self) -> int:
        """How many different hashes there were."""
        if self.exact:
            return len(self._smallest)
        estimate = (self._k - 1) / (float(self._smallest[-1]) / 2.0**64)
        return min(round(estimate), self.total)

    @property
    def ratio(self) -> float | None:
        """Different ones over all; None where there are none."""
        return self.count / self.total if self.total else None


class Variety:
    """How varied the words of texts are: distinct n-grams, and different words in windows of 1,000."""

    def __init__(self) -> None:
        self.grams = [Distinct() for _ in range(LONGEST)]
        self._known: dict[str, int] = {}
        self._rest: Hashes = np.zeros(0, np.uint64)
        self._windows, self._different = 0, 0

    def add(self, texts: list[str]) -> None:
        """Take some texts; no n-gram goes from one into the next."""
        hashes, owners = self._words(texts)
        gram, same = hashes, np.ones(len(hashes), bool)
        for length, counter in enumerate(self.grams, start=1):
            counter.add(gram[same])
            if len(hashes) <= length:
                break
            same = owners[:-length] == owners[length:]
            gram = mixed(gram[:-1] * np.uint64(0x9E3779B97F4A7C15) + hashes[length:])
        self._in_windows(hashes)

    @property
    def type_token(self) -> float | None:
        """Different words over words, the mean of all whole windows, so that sets of any size compare.

        None where the texts have fewer words than a window.
        """
        return self._different / (self._windows * WINDOW_WORDS) if self._windows else None

    def _in_windows(self, hashes: Hashes) -> None:
        words = np.concatenate([self._rest, hashes])
        whole = len(words) // WINDOW_WORDS
        self._rest = words[whole * WINDOW_WORDS :]
        if whole:
            windows = np.sort(words[: whole * WINDOW_WORDS].reshape(whole, WINDOW_WORDS), axis=1)
            self._windows += whole
            self._different += int((windows[:, 1:] != windows[:, :-1]).sum()) + whole

    def _words(self, texts: list[str]) -> tuple[Hashes, NDArray[np.int64]]:
        """Hashes of all words, and the place of the text that each stands in."""
        array = pc.utf8_lower(pa.array(texts, pa.large_string()))  # pyright: ignore[reportAttributeAccessIssue]
        spaced = pc.replace_substring_regex(array, pattern=ONE_BY_ONE, replacement=r" \1 ")  # pyright: ignore[reportAttributeAccessIssue]
        lists = pc.split_pattern_regex(spaced, pattern=BETWEEN_WORDS)  # pyright: ignore[reportAttributeAccessIssue]
        words = lists.flatten().dictionary_encode()
        names: list[str] = words.dictionary.to_pylist()
        owners = pc.list_parent_indices(lists).to_numpy()  # pyright: ignore[reportAttributeAccessIssue]
        codes = words.indices.to_numpy()
        table = np.array([self._hash(name) for name in names], np.uint64)
        there = np.array([bool(name) for name in names], bool)[codes] if names else np.zeros(0, bool)
        return table[codes][there] if names else table, owners[there]

    def _hash(self, word: str) -> int:
        found = self._known.get(word)
        if found is None:
            if len(self._known) >= KNOWN_WORDS:
                self._known.clear()
            found = self._known[word] = hash_of(word)
        return found


def mixed(hashes: Hashes) -> Hashes:
    """Hashes spread evenly (the finaliser of SplitMix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))


def hash_of(text: str) -> int:
    """64 bits of a digest, the same on any machine."""
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest(), "little")
