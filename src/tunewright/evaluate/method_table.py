"""Several methods over several base models on the same data: one row a pair of them, and what tells the rows apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pydantic import BaseModel, ConfigDict

from tunewright.core.answers import Scorer
from tunewright.core.nouns import Comparison, Evaluation, Interval
from tunewright.evaluate.compare import Measured
from tunewright.evaluate.pairing import Side
from tunewright.evaluate.side_by_side import PairedMetric, Wanted, put_side_by_side
from tunewright.evaluate.words import SURE
from tunewright.stats.multiple import holm

BEST = "_best"
"""What the way in which the base has its best chance is called, behind its suite's name."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MethodRow(_Frozen):
    """One method over one base model: what it reached and what it took. All is None where it failed: `error` says why.

    `quality` holds the tuned model against its own base on test rows; `forgetting` the loss on general text, likewise.
    `train_s` are seconds of optimiser steps alone; `peak_memory_bytes` the most main memory of the training process;
    `disk_bytes` what is kept of the model; `pace_s` measured seconds a step that the number of steps was chosen by.
    """

    label: str
    method: str
    model: str
    error: str = ""
    quality: Comparison | None = None
    forgetting: Comparison | None = None
    steps: int | None = None
    pace_s: float | None = None
    learning_rate: float | None = None
    rate_is_fixed: bool = False
    train_s: float | None = None
    tokens: int | None = None
    tokens_per_s: float | None = None
    peak_memory_bytes: int | None = None
    trained_parameters: int | None = None
    disk_bytes: int | None = None
    gates_met: bool | None = None
    run: str = ""
    evaluation: str = ""


class MethodPair(_Frozen):
    """Two rows of the table on the test rows that both answered: `difference` is B - A, paired row by row.

    `p_holm` is corrected over all pairs of the table. `verdict` says what B is: "better", "worse", "no clear
    difference", or nothing. On `other_tokens` rows the two scored one text as other tokens.
    """

    a: str
    b: str
    difference: float | None
    interval: Interval | None
    p: float | None
    p_holm: float | None
    n: int
    other_tokens: int
    verdict: str


class MethodTable(_Frozen):
    """Everything about several methods: rows in the order asked for, pairs, and what to know before believing them."""

    title: str
    command: str
    budget: str
    way: str
    metric: str
    split: str
    rows: tuple[MethodRow, ...]
    pairs: tuple[MethodPair, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """The evaluation of one row of the table, with its stored answers."""

    label: str
    evaluation: Evaluation
    measured: Sequence[Measured]


def pairs_of(found: Sequence[Answers], *, way: str, metric: str, scorer: Scorer) -> tuple[MethodPair, ...]:
    """Every pair on the rows that both answered. Pairs without a row in common are left out."""
    made = [
        (a.label, b.label, *_paired(a, b, way=way, scored=(metric, scorer)))
        for a, b in combinations(found, 2)
        if _asked(a, way) and _asked(b, way)
    ]
    known = [one.p for _a, _b, one, _other in made if one.p is not None]
    corrected = iter(holm(known))
    return tuple(
        MethodPair(
            a=a,
            b=b,
            difference=one.difference,
            interval=one.interval,
            p=one.p,
            p_holm=(p_holm := None if one.p is None else next(corrected)),
            n=one.n,
            other_tokens=other_tokens,
            verdict=judged(one, p_holm),
        )
        for a, b, one, other_tokens in made
    )


def _paired(a: Answers, b: Answers, *, way: str, scored: tuple[str, Scorer]) -> tuple[PairedMetric, int]:
    metric, scorer = scored
    sides = [Side(each.evaluation, _asked(each, way)) for each in (a, b)]
    scorers: Mapping[str, Scorer] = {metric: scorer}
    (found,) = put_side_by_side(*sides, scorers=scorers, wanted=Wanted((metric,), most=0)).ways.values()
    return found.metrics[metric], found.other_tokens


def _asked(answers: Answers, way: str) -> list[Measured]:
    """The stored answers of a way; of a base's best chance, which has none of its own, those of the suite's first way:
    they are the tuned model's there, too."""
    ways = answers.evaluation.ways.get(way.removesuffix(BEST), ()) if way.endswith(BEST) else ()
    return [one for one in answers.measured if one.way == (ways[0] if ways else way)]


def judged(one: PairedMetric, p_holm: float | None) -> str:
    """ "better", "worse" or "no clear difference", by the interval and the p corrected over all pairs together."""
    if one.direction == "neither" or one.interval is None or one.difference is None:
        return ""
    low, high = one.interval
    if (p_holm is not None and p_holm >= SURE) or low <= 0 <= high:
        return "no clear difference"
    return "better" if (one.difference > 0) == (one.direction == "higher") else "worse"
