"""How near texts are to a domain, by its words: BM25 (Robertson and Zaragoza, 2009).

Of each text only the words of the domain are counted, so nothing is indexed and texts may come from many processes.
Given examples, a word weighs as much as it is more frequent in them than in the rows: the weight of Robertson and
Spärck Jones (1976); given a description alone, as much as it is rare in the rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.data.words import words_of

K1, B = 1.2, 0.75
"""The usual values (Robertson and Zaragoza, 2009, section 3.5.1)."""


class Counted(NamedTuple):
    """Of a text: its length in words, and how often each word of the domain stands in it, by the word's number."""

    words: int
    counts: tuple[tuple[int, int], ...]


class Domain:
    """The words of a description, or of examples."""

    def __init__(self, description: str, examples: Sequence[str]) -> None:
        texts = [*([description] if description else []), *examples]
        self._among = Counter(word for text in texts for word in set(words_of(text)))
        self._number = {word: number for number, word in enumerate(sorted(self._among))}
        self._examples = len(texts) if examples else 0

    def counted(self, text: str) -> Counted:
        """What is to be known of a text."""
        words = words_of(text)
        found = Counter(number for word in words if (number := self._number.get(word)) is not None)
        return Counted(len(words), tuple(sorted(found.items())))

    def scores(self, texts: Sequence[Counted]) -> NDArray[np.float64]:
        """The score of each of all texts, which are what words are rare or frequent in."""
        among = Counter(number for text in texts for number, _count in text.counts)
        weights = [self._weight(word, among[number], len(texts)) for word, number in self._number.items()]
        mean = sum(text.words for text in texts) / max(1, len(texts)) or 1.0
        return np.array([self._score(text, weights, mean) for text in texts])

    def _weight(self, word: str, rows: int, total: int) -> float:
        rare = (total - rows + 0.5) / (rows + 0.5)
        if not self._examples:
            return math.log(1 + rare)
        with_it = self._among[word]
        return math.log((with_it + 0.5) / (self._examples - with_it + 0.5) * rare)

    def _score(self, text: Counted, weights: Sequence[float], mean: float) -> float:
        norm = K1 * (1 - B + B * text.words / mean)
        return sum(weights[number] * count * (K1 + 1) / (count + norm) for number, count in text.counts)
