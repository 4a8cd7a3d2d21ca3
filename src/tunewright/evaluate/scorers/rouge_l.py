"""ROUGE-L: F-measure of the longest common subsequence of words."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.evaluate.scoring.rouge import RougeMean, rouge_l


class Work(RougeMean):
    """ROUGE-L of the words of an answer; see `scoring.rouge`."""

    def measure(self, answer: Sequence[str], reference: Sequence[str]) -> float:
        """ROUGE-L of one answer against one reference."""
        return rouge_l(answer, reference)
