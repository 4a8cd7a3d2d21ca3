"""ROUGE-1: F-measure of words."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.evaluate.scoring.rouge import RougeMean, rouge_n


class Work(RougeMean):
    """ROUGE-1 of the words of an answer; see `scoring.rouge`."""

    def measure(self, answer: Sequence[str], reference: Sequence[str]) -> float:
        """ROUGE-1 of one answer against one reference."""
        return rouge_n(answer, reference, n=1)
