"""Base beside tuned, metric by metric: values, intervals, the paired difference, and whether chance explains it.

Rows of one family (one prompt in several wordings) depend on one another and count as one: their sums are added up
before anything is resampled. N rows, K sums a row, F families.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.core.nouns import Comparison, Interval
from tunewright.evaluate.sums import Summed, summed
from tunewright.stats.families import by_family
from tunewright.stats.paired import difference_interval, mcnemar, permutation_p
from tunewright.stats.power import smallest_effect
from tunewright.stats.single import metric_interval

MODELS = ("base", "base_same_prompt", "tuned")


@dataclass(frozen=True)
class Measured:
    """The answers of one way of asking, for the same rows in the same order.

    `prompt` is the base's best prompt, `base` its answers to it; `base_same_prompt` and `tuned` answer the trained
    prompt. `tuned` is None when only one model is measured.
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

    def judged(self) -> list[AnsweredRow]:
        """The answers that gates are about: the tuned model's, else those of the only one."""
        return self.base if self.tuned is None else self.tuned

    def only(self, kept: Sequence[bool]) -> Measured:
        """The same with some rows."""

        def some(rows: list[AnsweredRow]) -> list[AnsweredRow]:
            return [row for row, keep in zip(rows, kept, strict=True) if keep]

        tuned = None if self.tuned is None else some(self.tuned)
        return replace(self, base=some(self.base), base_same_prompt=some(self.base_same_prompt), tuned=tuned)


def compare(scorer: Scorer, measured: Measured, *, labels: Sequence[str], seed: int) -> Comparison:
    """One metric of base and tuned on the same rows; rows that it cannot measure for one of them are left out for both.

    Intervals are at 95 % (room `stats` says how). `p` is the exact McNemar test where each row is right or wrong and
    alone, else approximate randomisation of the pairs. What is no finite number is None. Raises ValueError when the
    answers are not of the same rows.
    """
    if measured.tuned is not None:
        _check_pairs(measured.base, measured.tuned)
    kept = _measurable(scorer, measured, labels=labels)
    rows = measured.only(kept.tolist())
    sides = {model: _Side(scorer, answers, labels=labels, seed=seed) for model, answers in rows.answers().items()}
    base, tuned = sides["base"], sides.get("tuned")
    plain = Comparison(
        base=base.value,
        base_same_prompt=sides["base_same_prompt"].value,
        tuned=tuned.value if tuned else None,
        base_interval=base.interval(),
        tuned_interval=tuned.interval() if tuned else None,
        n=len(rows.base),
        families=base.families,
        unmeasured=len(kept) - len(rows.base),
        direction=scorer.direction,
        census=scorer.census,
    )
    if tuned is None or base.value is None or tuned.value is None:
        return plain
    evidence = {"difference": tuned.value - base.value}
    return plain.model_copy(update=evidence | ({} if scorer.census else _paired(base, tuned, seed=seed)))


class _Side:
    """One model's answers under one metric."""

    def __init__(self, scorer: Scorer, rows: list[AnsweredRow], *, labels: Sequence[str], seed: int) -> None:
        self.census, self.seed = scorer.census, seed
        self.bounds = scorer.range if all(map(math.isfinite, scorer.range)) else None
        self.value = _finite(scorer.score(rows, labels)) if rows else None
        self.families = len(_grouped(np.ones((len(rows), 1)), rows)) if rows else 0
        found = summed(scorer, rows, labels=labels) if rows else None
        self.summed = None if found is None else Summed(_grouped(found.sums, rows), found.value)
        values = scorer.per_row(rows) if rows else None
        alone = self.families == len(rows)
        self.right = values == 1 if values is not None and alone and _right_or_wrong(values) else None

    def interval(self) -> Interval | None:
        """The interval of this model's value; None where it is no estimate or cannot be said."""
        if self.value is None or self.census or self.summed is None:
            return None
        return metric_interval(self.summed.sums, value=self.summed.value, seed=self.seed, bounds=self.bounds)


def _paired(base: _Side, tuned: _Side, *, seed: int) -> dict[str, object]:
    """Interval and p of the difference, and the smallest one that these rows would show."""
    if base.summed is None or tuned.summed is None:
        return {}
    ours, theirs, value = tuned.summed.sums, base.summed.sums, base.summed.value
    bounds = difference_interval(theirs, ours, value=value, seed=seed, bounds=base.bounds)
    if base.right is None or tuned.right is None:
        return {"interval": bounds, "p": permutation_p(theirs, ours, value=value, seed=seed)}
    test = mcnemar(base.right, tuned.right)
    changed = (test.only_base + test.only_other) / len(base.right)
    shown = smallest_effect(len(base.right), changed=changed) if changed else math.inf
    return {"interval": bounds, "p": test.p, "detectable": _finite(shown)}


def _grouped(sums: NDArray[np.float64], rows: Sequence[AnsweredRow]) -> NDArray[np.float64]:
    """Sums by family."""
    families = [row.row.details.get("family") for row in rows]
    return by_family(sums, families) if any(family is not None for family in families) else sums


def _measurable(scorer: Scorer, measured: Measured, *, labels: Sequence[str]) -> NDArray[np.bool_]:
    """[N]: rows that the metric can measure for the models that are compared."""
    kept = np.ones(len(measured.base), dtype=bool)
    for rows in (measured.base, measured.tuned):
        if rows is not None:
            kept &= measurable_rows(scorer, rows, labels=labels)
    return kept


def measurable_rows(scorer: Scorer, rows: Sequence[AnsweredRow], *, labels: Sequence[str]) -> NDArray[np.bool_]:
    """[N]: rows that a metric can measure: those whose value or sums are numbers, and not all zero."""
    values = scorer.per_row(rows)
    if values is not None:
        return np.isfinite(values)
    found = summed(scorer, rows, labels=labels)
    if found is None:
        return np.ones(len(rows), dtype=bool)
    return np.isfinite(found.sums).all(axis=1) & (found.sums != 0).any(axis=1)


def _right_or_wrong(values: NDArray[np.float64]) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _check_pairs(base: Sequence[AnsweredRow], tuned: Sequence[AnsweredRow]) -> None:
    if [row.row.id for row in base] != [row.row.id for row in tuned]:
        raise ValueError("base and tuned did not answer the same rows.")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
