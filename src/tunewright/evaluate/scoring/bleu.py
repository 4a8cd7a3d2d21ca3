"""BLEU as a function of sums: what one answer adds, and the score of added counts. N rows.

Papineni et al. 2002; the counts and the smoothing are those of sacrebleu (Post 2018, arXiv 1804.08771).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sacrebleu.metrics.bleu import BLEU

Floats = NDArray[np.float64]
ORDERS = 4
COLUMNS = 2 + 2 * ORDERS
_COUNTER = BLEU(effective_order=True)  # the order changes nothing in the counts that are read


def bleu_counts(answer: str, references: Sequence[str]) -> tuple[float, ...]:
    """Length of the answer and of the closest reference, right n-grams and all n-grams of order 1 to 4.

    In sacrebleu's tokens (`13a`). `references` has at least one text.
    """
    found = _COUNTER.sentence_score(answer, list(references))
    return (found.sys_len, found.ref_len, *found.counts, *found.totals)


def bleu(sums: Floats) -> Floats:
    """BLEU in [0, 100] from added counts [..., 10]; equal to `sacrebleu.corpus_bleu` with its defaults.

    An order without a right n-gram counts as half of one, a further such order as a quarter, and so on ("exp"). With
    answers too short for any n-gram of some order, or without one right word, the score is 0.
    """
    length, wanted = sums[..., 0], sums[..., 1]
    right, total = sums[..., 2 : 2 + ORDERS], sums[..., 2 + ORDERS : COLUMNS]
    halvings = 2.0 ** np.cumsum(right == 0, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(right > 0, right / total, 1 / (halvings * total))
        brevity = np.where(length < wanted, np.exp(1 - wanted / length), 1.0)
        score = 100 * brevity * np.exp(np.log(shares).mean(axis=-1))
    return np.where((total > 0).all(axis=-1) & (right > 0).any(axis=-1), score, 0.0)
