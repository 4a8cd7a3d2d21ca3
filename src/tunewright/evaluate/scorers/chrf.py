"""chrF: how many sequences of characters answers and right answers share."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.evaluate.scoring import chrf
from tunewright.evaluate.scoring.corpus import CorpusMetric


class Work(CorpusMetric):
    """Corpus chrF2 in [0, 100], equal to `sacrebleu.corpus_chrf`; target and references are right answers."""

    columns = chrf.COLUMNS

    def counts(self, answer: str, references: Sequence[str]) -> tuple[float, ...]:
        """N-grams of characters."""
        return chrf.chrf_counts(answer, references)

    def of_counts(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """chrF2 of added counts."""
        return chrf.chrf(sums)
