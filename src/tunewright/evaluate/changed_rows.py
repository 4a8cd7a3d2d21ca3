"""Where B differs from A on the same rows: rows that were won and lost, and slices that were lost most. N rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from tunewright.evaluate import slices
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.sums import Floats, Summed


class PairedRow(BaseModel):
    """One row with both answers, and the metric on this row alone."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    row: str
    prompt: str
    target: str
    a: str
    b: str
    a_value: float
    b_value: float
    source: str = ""


class ChangedRows(BaseModel):
    """Rows on which B gained or lost, by one metric.

    `right_or_wrong`: every row has the value 0 or 1, so that a gain is a row that A gets wrong and B right. `gained`
    and `lost` count all of them, `gains` and `losses` hold the largest, the largest first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    metric: str
    right_or_wrong: bool
    gained: int
    lost: int
    gains: tuple[PairedRow, ...]
    losses: tuple[PairedRow, ...]


class LostSlice(BaseModel):
    """A part of the rows on which B is worse than A; no test stands behind it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: str
    value: str
    n: int
    a: float
    b: float
    difference: float


def changed_rows(metric: str, compared: Compared, *, most: int) -> ChangedRows | None:
    """Where B gained and lost, at most so many rows of each.

    None where a single row has no value, or no value is better than another.
    """
    a, b = (_alone(compared.found[model]) for model in ("base", "tuned"))
    if a is None or b is None or compared.scorer.direction == "neither":
        return None
    known = compared.measurable & np.isfinite(a) & np.isfinite(b)
    a, b = np.where(known, a, 0.0), np.where(known, b, 0.0)
    gain = _sign(compared) * (b - a)
    won, lost = (np.argsort(-each, kind="stable")[: int((each > 0).sum())].tolist() for each in (gain, -gain))

    def rows(places: Sequence[int]) -> tuple[PairedRow, ...]:
        return tuple(_row(compared.measured, place, values=(float(a[place]), float(b[place]))) for place in places)

    return ChangedRows(
        metric=metric,
        right_or_wrong=bool(np.isin(np.concatenate([a, b]), (0.0, 1.0)).all()),
        gained=len(won),
        lost=len(lost),
        gains=rows(won[:most]),
        losses=rows(lost[:most]),
    )


def _sign(compared: Compared) -> float:
    return -1.0 if compared.scorer.direction == "lower" else 1.0


def _alone(found: Summed | None) -> Floats | None:
    """The metric on each row alone, [N]; None where the metric has no sums."""
    if found is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(found.value(found.sums), dtype=np.float64)


def _row(measured: Measured, place: int, *, values: tuple[float, float]) -> PairedRow:
    one = slices.side_by_side(measured, place)
    return PairedRow(
        row=one.row,
        prompt=one.prompt,
        target=one.target,
        a=one.base,
        b=one.tuned,
        a_value=values[0],
        b_value=values[1],
        source=one.source,
    )


def lost_slices(compared: Compared, *, most: int) -> tuple[LostSlice, ...]:
    """At most so many parts of the rows on which B is worse, the worst first."""
    if compared.scorer.direction == "neither":
        return ()
    sign = _sign(compared)
    lost: list[LostSlice] = []
    for kind, value, part in slices.parts([answered.row for answered in compared.measured.base]):
        rows, found = compared.values(part)
        a, b = found["base"], found["tuned"]
        if a is not None and b is not None and sign * (b - a) < 0:
            lost.append(LostSlice(kind=kind, value=value, n=rows, a=a, b=b, difference=b - a))
    return tuple(sorted(lost, key=lambda one: sign * one.difference)[:most])
