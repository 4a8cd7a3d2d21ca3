"""Rows as sparse vectors of their words, for likeness without a model.

N rows, D places of hashed words and pairs of words.
"""

from __future__ import annotations

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable

import numpy as np
import scipy.sparse as sp

from tunewright.core.ports import Row
from tunewright.data.words import answer_text, prompt_text, words_of

PLACES = 1 << 20
"""Hashed words: among 100,000 different ones a tenth share a place with another."""


def text_of(row: Row, which: str) -> str:
    """The turns that are compared: `prompt`, `answer`, or both."""
    parts = {"prompt": (prompt_text,), "answer": (answer_text,)}.get(which, (prompt_text, answer_text))
    return "\n".join(part(row) for part in parts)


def word_vectors(texts: Iterable[str]) -> sp.csr_array:
    """Hashed TF-IDF vectors of length 1 [N, D]; a text without a word is all 0.

    Entry: (1 + ln count) x ln((1 + N) / (1 + rows with the word)) + 1, as in scikit-learn with `sublinear_tf`.
    """
    ends, places, counts = array("q", [0]), array("i"), array("f")
    for text in texts:
        found = Counter(zlib.crc32(word.encode("utf-8", "replace")) % PLACES for word in words_of(text))
        for place, count in sorted(found.items()):
            places.append(place)
            counts.append(count)
        ends.append(len(places))
    rows = len(ends) - 1
    columns, values = np.frombuffer(places, np.int32), np.frombuffer(counts, np.float32)
    among = np.bincount(columns, minlength=PLACES)
    rarity = (np.log((1 + rows) / (1 + among)) + 1).astype(np.float32)
    weights = (1 + np.log(values)) * rarity[columns]
    bounds = np.frombuffer(ends, np.int64)
    squares = np.add.reduceat(np.append(weights**2, 0), bounds[:-1]) * (np.diff(bounds) > 0) if rows else np.zeros(0)
    lengths = np.sqrt(np.where(squares > 0, squares, 1)).astype(np.float32)
    return sp.csr_array((weights / np.repeat(lengths, np.diff(bounds)), columns, bounds), shape=(rows, PLACES))
