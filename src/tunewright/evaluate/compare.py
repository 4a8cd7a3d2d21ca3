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
from tunewright.stats.shares import right_rows
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


class Compared:
    """One metric of base and tuned on the same rows, scored once: a part of them costs no second look at the answers.

    A scorer sees all rows of a way, also where a part is compared: a row's value may depend on another row. Rows that
    it cannot measure for one of the two are left out for both. Intervals are at 95 % (room `stats` says how). `p` is
    the exact McNemar test where each row is right or wrong and alone, else approximate randomisation of the pairs. What
    is no finite number is None.
    """

    def __init__(self, scorer: Scorer, measured: Measured, *, labels: Sequence[str], seed: int) -> None:
        """Raises ValueError when the answers are not of the same rows."""
        if measured.tuned is not None:
            _check_pairs(measured.base, measured.tuned)
        self.scorer, self.measured, self.labels, self.seed = scorer, measured, labels, seed
        self.found = {model: summed(scorer, rows, labels=labels) for model, rows in measured.answers().items()}
        self.measurable = np.ones(len(measured.base), dtype=bool)
        for model in ("base", "tuned"):
            if (found := self.found.get(model)) is not None:
                self.measurable &= measurable_rows(found.sums)

    def whole(self) -> Comparison:
        """The comparison over all rows."""
        return self.over(np.ones(len(self.measured.base), dtype=bool))

    def values(self, part: NDArray[np.bool_]) -> tuple[int, dict[str, float | None]]:
        """How many rows of a part, [N], can be measured, and each model's value over them; without intervals."""
        kept = part & self.measurable
        return int(kept.sum()), {model: self._side(model, kept).value for model in self.found}

    def over(self, part: NDArray[np.bool_]) -> Comparison:
        """The comparison over the rows of a part, [N]."""
        kept = part & self.measurable
        sides = {model: self._side(model, kept) for model in self.found}
        base, tuned = sides["base"], sides.get("tuned")
        rows = int(kept.sum())
        plain = Comparison(
            base=base.value,
            base_same_prompt=sides["base_same_prompt"].value,
            tuned=tuned.value if tuned else None,
            base_interval=base.interval(),
            tuned_interval=tuned.interval() if tuned else None,
            n=rows,
            families=base.families,
            unmeasured=int(part.sum()) - rows,
            direction=self.scorer.direction,
            census=self.scorer.census,
        )
        if tuned is None or base.value is None or tuned.value is None:
            return plain
        evidence = {"difference": tuned.value - base.value}
        return plain.model_copy(update=evidence | ({} if self.scorer.census else _paired(base, tuned, seed=self.seed)))

    def _side(self, model: str, kept: NDArray[np.bool_]) -> _Side:
        """One model over the rows that count; of a scorer without sums, which has no interval, by its score."""
        rows = [row for row, keep in zip(self.measured.answers()[model], kept, strict=True) if keep]
        found = self.found[model]
        if found is None:
            value = self.scorer.score(rows, self.labels) if rows else math.nan
            return _Side(self.scorer, rows, value=value, found=None, seed=self.seed)
        sums = found.sums[kept]
        value = float(found.value(sums.sum(axis=0))) if rows else math.nan
        return _Side(self.scorer, rows, value=value, found=Summed(sums, found.value), seed=self.seed)


class _Side:
    """One model's value of one metric, with what its interval and its tests are made of."""

    def __init__(
        self, scorer: Scorer, rows: Sequence[AnsweredRow], *, value: float, found: Summed | None, seed: int
    ) -> None:
        self.census, self.seed, self.value = scorer.census, seed, _finite(value)
        self.bounds = scorer.range if all(map(math.isfinite, scorer.range)) else None
        names = [row.row.details.get("family") for row in rows]
        alone = all(name is None for name in names)
        self.families = len(rows) if alone else len(by_family(np.ones((len(rows), 1)), names))
        self.summed = found if found is None or alone else Summed(by_family(found.sums, names), found.value)
        rowwise = self.families == len(rows) and scorer.per_row([]) is not None
        self.right = right_rows(self.summed.sums, self.summed.value) if self.summed and rowwise else None

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


def measurable_rows(sums: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[N]: rows that a metric can measure: those whose sums [N, K] are numbers, and not all zero."""
    return np.isfinite(sums).all(axis=1) & (sums != 0).any(axis=1)


def _check_pairs(base: Sequence[AnsweredRow], tuned: Sequence[AnsweredRow]) -> None:
    if [row.row.id for row in base] != [row.row.id for row in tuned]:
        raise ValueError("base and tuned did not answer the same rows.")


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
