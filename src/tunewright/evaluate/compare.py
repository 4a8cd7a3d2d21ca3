"""Base beside tuned, metric by metric: difference, paired interval, and whether chance explains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.core.nouns import Comparison
from tunewright.evaluate.sums import summed
from tunewright.stats.paired import bootstrap_interval, mcnemar, permutation_p

MODELS = ("base", "base_same_prompt", "tuned")


@dataclass(frozen=True)
class Measured:
    """The answers of one way of asking, for the same rows in the same order.

    `prompt` is the base's best prompt, `base` its answers to it; `base_same_prompt` and `tuned` answer the trained
    prompt. `tuned` is None when only a base model is measured.
    """

    way: str
    prompt: str
    base: list[AnsweredRow]
    base_same_prompt: list[AnsweredRow]
    tuned: list[AnsweredRow] | None

    def answers(self) -> dict[str, list[AnsweredRow]]:
        """Answers by model, those that there are."""
        every = {"base": self.base, "base_same_prompt": self.base_same_prompt, "tuned": self.tuned}
        return {model: rows for model, rows in every.items() if rows is not None}


def compare(scorer: Scorer, measured: Measured, *, labels: Sequence[str], seed: int) -> Comparison:
    """One metric of base and tuned on the same rows.

    `interval` is a paired bootstrap (BCa, 95 %); `p` the exact McNemar test where each row is right or wrong, else
    approximate randomisation of the pairs; both None where a value is not a finite number.
    Raises ValueError when the answers are not of the same rows.
    """
    base = _finite(scorer.score(measured.base, labels))
    same = _finite(scorer.score(measured.base_same_prompt, labels))
    plain = Comparison(base=base, base_same_prompt=same, tuned=None, n=len(measured.base), direction=scorer.direction)
    if measured.tuned is None:
        return plain
    _check_pairs(measured.base, measured.tuned)
    tuned = _finite(scorer.score(measured.tuned, labels))
    if base is None or tuned is None:
        return plain.model_copy(update={"tuned": tuned})
    interval, p = _evidence(scorer, measured.base, measured.tuned, labels=labels, seed=seed)
    return plain.model_copy(update={"tuned": tuned, "difference": tuned - base, "interval": interval, "p": p})


def _evidence(
    scorer: Scorer, base: Sequence[AnsweredRow], tuned: Sequence[AnsweredRow], *, labels: Sequence[str], seed: int
) -> tuple[tuple[float, float] | None, float | None]:
    """Interval and p of the difference."""
    before, after = summed(scorer, base, labels=labels), summed(scorer, tuned, labels=labels)
    if before is None or after is None:
        return None, None
    interval = bootstrap_interval(before.sums, after.sums, value=before.value, seed=seed)
    right_before, right_after = scorer.per_row(base), scorer.per_row(tuned)
    if right_before is not None and right_after is not None and _right_or_wrong(right_before, right_after):
        return interval, mcnemar(right_before == 1, right_after == 1).p
    return interval, permutation_p(before.sums, after.sums, value=before.value, seed=seed)


def _right_or_wrong(before: np.ndarray, after: np.ndarray) -> bool:
    return bool(np.isin(np.concatenate([before, after]), (0.0, 1.0)).all())


def _check_pairs(base: Sequence[AnsweredRow], tuned: Sequence[AnsweredRow]) -> None:
    if [row.row.id for row in base] != [row.row.id for row in tuned]:
        raise ValueError("base and tuned did not answer the same rows.")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
