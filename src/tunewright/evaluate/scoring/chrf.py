"""chrF as a function of sums: what one answer adds, and the score of added counts.

Popović 2015, https://aclanthology.org/W15-3049; chrF2 as in sacrebleu: n-grams of 1 to 6 characters, no white space,
recall weighs four times as much as precision, and orders that a text is too short for are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ORDERS = 6
COLUMNS = 3 * ORDERS
RECALL_WEIGHT = 4.0  # beta squared, with the beta of 2 that chrF2 is named after


def chrf_counts(answer: str, references: Sequence[str]) -> tuple[int, ...]:
    """N-grams of the answer, of the reference, and common to both, order by order: 18 numbers.

    Of several references the one with the best score counts, the first among equals. Raises ValueError without any.
    """
    if not references:
        raise ValueError("chrF needs a reference.")
    own = _ngrams(answer)
    found = [_counts(own, _ngrams(reference)) for reference in references]
    scores = chrf(np.array(found, dtype=np.float64))
    return found[int(np.argmax(scores))]


def chrf(sums: Floats) -> Floats:
    """chrF2 in [0, 100] from added counts [..., 18]; equal to `sacrebleu.corpus_chrf` with its defaults."""
    answer, reference, common = (sums[..., place:COLUMNS:3] for place in range(3))
    used = (answer > 0) & (reference > 0)
    orders = np.maximum(used.sum(axis=-1), 1)
    precision = np.divide(common, answer, out=np.zeros_like(common), where=used).sum(axis=-1) / orders
    recall = np.divide(common, reference, out=np.zeros_like(common), where=used).sum(axis=-1) / orders
    bottom = RECALL_WEIGHT * precision + recall
    top = 100 * (1 + RECALL_WEIGHT) * precision * recall
    return np.divide(top, bottom, out=np.zeros_like(bottom), where=bottom > 0)


def _ngrams(text: str) -> list[Counter[str]]:
    letters = "".join(text.split())
    return [
        Counter(letters[start : start + order] for start in range(len(letters) - order + 1))
        for order in range(1, ORDERS + 1)
    ]


def _counts(answer: list[Counter[str]], reference: list[Counter[str]]) -> tuple[int, ...]:
    """Three numbers an order; an order that the reference is too short for counts nothing of the answer."""
    counts: list[int] = []
    for own, other in zip(answer, reference, strict=True):
        common = sum(min(count, other[ngram]) for ngram, count in own.items() if ngram in other)
        counts += [own.total() if other else 0, other.total(), common]
    return tuple(counts)
