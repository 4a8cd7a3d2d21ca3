"""ROUGE-2: F-measure of pairs of neighbouring words."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.evaluate.scoring.rouge import RougeMean, rouge_n


class Work(RougeMean):
    """ROUGE-2 of the words of an answer; see `scoring.rouge`."""

    def measure(self, answer: Sequence[str], reference: Sequence[str]) -> float:
        """ROUGE-2 of one answer against one reference."""
        return rouge_n(answer, reference, n=2)
