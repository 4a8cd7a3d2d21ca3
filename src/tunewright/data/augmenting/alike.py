"""Which new texts are alike to others, by the words that they share (Jaccard), without comparing all with all.

A text that shares at least the part s of all words of two has at least s of this one's words. So it has one of this
one's n - ceil(s n) + 1 rarest words: only these are looked up (prefix filter; Chaudhuri et al., 2006, "A Primitive
Operator for Similarity Joins", ICDE).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

Words = frozenset[str]


class Alike:
    """New texts by the rarest of their words."""

    def __init__(self, texts: Sequence[Words], *, share: float) -> None:
        self._texts, self._share = texts, share
        self._having = Counter(word for words in texts for word in words)
        self._by_word: defaultdict[str, list[int]] = defaultdict(list)
        for place, words in enumerate(texts):
            for word in self._rarest(words):
                self._by_word[word].append(place)

    def places(self, words: Words) -> list[int]:
        """Places of the texts that are alike to these words, ascending."""
        candidates = {place for word in words for place in self._by_word.get(word, ())}
        return sorted(place for place in candidates if jaccard(self._texts[place], words) >= self._share)

    def _rarest(self, words: Words) -> list[str]:
        kept = len(words) - math.ceil(self._share * len(words) - 1e-9) + 1
        return sorted(words, key=lambda word: (self._having[word], word))[:kept]


def jaccard(one: Words, other: Words) -> float:
    """Shared words of all words; 0 where there is none."""
    return len(one & other) / len(one | other) if one or other else 0.0
