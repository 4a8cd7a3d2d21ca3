"""BLEU: how many n-grams of the answers stand in the right ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.scoring import bleu
from tunewright.evaluate.scoring.corpus import CorpusMetric


class Work(CorpusMetric):
    """Corpus BLEU in [0, 100], equal to `sacrebleu.corpus_bleu`; target and references are right answers."""

    columns = bleu.COLUMNS

    def counts(self, answer: str, references: Sequence[str]) -> tuple[float, ...]:
        """Lengths and n-grams."""
        return bleu.bleu_counts(answer, references)

    def of_counts(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """BLEU of added counts."""
        return bleu.bleu(sums)
