"""Which rows speak most against a model: the worst values, or the largest losses to the base. N rows, K sums a row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.evaluate.compare import Measured, measurable_rows
from tunewright.evaluate.sums import summed
from tunewright.recipe.gates import GateOptions

Floats = NDArray[np.float64]


class Bad(NamedTuple):
    """How bad each row is [N], NaN where that is not known; beyond `floor` it speaks against the model.

    `whole` is how bad all rows are together, `best` the least that this could be.
    """

    rows: Floats
    floor: float
    whole: float
    best: float


def rows_against(
    gate: GateOptions, measured: Measured, *, scorer: Scorer, labels: Sequence[str], count: int
) -> tuple[str, ...]:
    """Ids of at most `count` rows that speak against a model, the worst first; none where no row does.

    Under a limit: rows that are short of the best value there is. Against the base: rows on which the model is worse,
    or for `better_than` no better; where every row is a little better, those with the least gain. A metric that is no
    mean of rows gives each row the worth of leaving it out, as a jackknife does: a row speaks against the model when
    the metric would be better without it, and all rows do where none stands out and the whole is bad.
    """
    better_than = gate.rule == "better_than"
    found = _bad(gate, scorer, measured, labels=labels)
    if found is None:
        return ()
    known = np.isfinite(found.rows)
    against = known & ((found.rows >= found.floor) if better_than else (found.rows > found.floor))
    if not against.any() and (better_than or found.whole > found.best):
        against = known
    order = np.argsort(-np.where(against, found.rows, -np.inf), kind="stable")[: int(against.sum())]
    return tuple(measured.base[place].row.id for place in order[:count].tolist())


def _bad(gate: GateOptions, scorer: Scorer, measured: Measured, *, labels: Sequence[str]) -> Bad | None:
    """What the gate says about the judged answers, or about them minus the base's."""
    sign = _worse(gate, scorer)
    judged = _one(scorer, measured.judged(), sign=sign, labels=labels)
    if judged is None or not gate.against_base:
        return judged
    base = _one(scorer, measured.base, sign=sign, labels=labels)
    return None if base is None else Bad(judged.rows - base.rows, 0.0, judged.whole, base.whole)


def _worse(gate: GateOptions, scorer: Scorer) -> float:
    """1 where larger values speak against the model, -1 where smaller ones do."""
    if gate.against_base:
        return 1.0 if scorer.direction == "lower" else -1.0
    return 1.0 if gate.rule == "at_most" else -1.0


def _one(scorer: Scorer, rows: Sequence[AnsweredRow], *, sign: float, labels: Sequence[str]) -> Bad | None:
    """How bad one model's rows are, in the unit of the metric; None where nothing is known of single rows."""
    best = min(sign * end for end in scorer.range)
    values = scorer.per_row(rows)
    if values is not None:
        known = values[np.isfinite(values)]
        return Bad(sign * values, best, sign * float(known.mean()) if len(known) else np.nan, best)
    found = summed(scorer, rows, labels=labels)
    if found is None:
        return None
    known = measurable_rows(found.sums)
    worth, total = np.full(len(rows), np.nan), found.sums[known].sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        whole = float(found.value(total))
        worth[known] = sign * (whole - found.value(total - found.sums[known]))
    return Bad(worth, 0.0, sign * whole, best)
