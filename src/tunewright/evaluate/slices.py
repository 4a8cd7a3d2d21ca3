"""Where a model fails: the main metric on parts of the rows, and the rows that gained and lost most."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.core.nouns import Answered, Slice
from tunewright.core.ports import Message, Row
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.store import whole

FEWEST_ROWS = 5
MOST_SLICES = 60
MOST_VALUES = 24
"""A column with more values than this says nothing about groups of rows."""
LENGTHS = ("short prompts", "middle prompts", "long prompts")


def slices(compared: Compared) -> tuple[Slice, ...]:
    """The metric on each part of at least five rows: by label, length of the prompt, file, kept column, attribute."""
    return tuple(islice(_slices(compared), MOST_SLICES))


def _slices(compared: Compared) -> Iterator[Slice]:
    for kind, value, part in parts([answered.row for answered in compared.measured.base]):
        one = compared.over(part)
        interval = one.base_interval if compared.measured.tuned is None else one.tuned_interval
        yield Slice(kind=kind, value=value, n=one.n, base=one.base, tuned=one.tuned, tuned_interval=interval)


def parts(rows: Sequence[Row]) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Kind, value and rows [N] of each part of at least five rows."""
    for kind, values in _values(rows).items():
        named = {each for each in values if each is not None}
        if not 1 < len(named) <= MOST_VALUES:
            continue
        for value in sorted(named):
            part = np.array([each == value for each in values])
            if part.sum() >= FEWEST_ROWS:
                yield kind, value, part


def _values(rows: Sequence[Row]) -> dict[str, list[str | None]]:
    """By kind of slice the value of each row; None where a row has none."""
    columns = sorted({name for row in rows for name in row.details.get("columns", {})})
    values: dict[str, list[str | None]] = {
        "label": [row.label for row in rows],
        "attribute": [row.details.get("attribute") for row in rows],
        "length": _lengths(rows),
        "file": [row.source or None for row in rows],
    }
    return values | {name: [row.details.get("columns", {}).get(name) for row in rows] for name in columns}


def _lengths(rows: Sequence[Row]) -> list[str | None]:
    """Thirds by the number of characters in the prompt; none where all are alike."""
    sizes = np.array([sum(len(turn.get("content", "")) for turn in row.prompt) for row in rows])
    if not len(sizes) or sizes.min() == sizes.max():
        return [None] * len(rows)
    edges = np.quantile(sizes, [1 / 3, 2 / 3])
    return [LENGTHS[int(place)] for place in np.searchsorted(edges, sizes)]


def extremes(scorer: Scorer, measured: Measured, *, count: int) -> tuple[list[Answered], list[Answered]]:
    """The best and the worst answers of the model that is judged, by the metric's value a row.

    Best: the largest gain over the base first, then the best value. Worst: the worst value first, then the largest loss
    to the base. Empty where the metric has no value a row; rows without a value are left out.
    """
    judged, base = scorer.per_row(measured.judged()), scorer.per_row(measured.base)
    if judged is None or base is None or scorer.direction == "neither":
        return [], []
    sign = -1.0 if scorer.direction == "lower" else 1.0
    ours, theirs = sign * judged, sign * base
    known = [place for place in range(len(ours)) if np.isfinite(ours[place]) and np.isfinite(theirs[place])]
    with np.errstate(invalid="ignore"):
        gain = ours - theirs
    best = sorted(known, key=lambda place: (-gain[place], -ours[place], place))[:count]
    worst = sorted(known, key=lambda place: (ours[place], gain[place], place))[:count]
    values = (base, judged)
    return ([_shown(measured, place, values) for place in best], [_shown(measured, place, values) for place in worst])


def _shown(measured: Measured, place: int, values: tuple[NDArray[np.float64], NDArray[np.float64]]) -> Answered:
    base, judged = (float(each[place]) for each in values)
    tuned = judged if measured.tuned else None
    return side_by_side(measured, place).model_copy(update={"base_value": base, "tuned_value": tuned})


def side_by_side(one: Measured, place: int) -> Answered:
    """One row with both models' answers, for people."""
    base = one.base[place]
    return Answered(
        row=base.row.id,
        prompt=whole(spoken(base.row)) or "",
        target=whole(base.row.target) or "",
        base=whole(_said(base)) or "",
        tuned=(whole(_said(one.tuned[place])) or "") if one.tuned else "",
        source=whole(_place(base.row)) or "",
    )


def _said(answered: AnsweredRow) -> str:
    return answered.answer or answered.predicted or ""


def _place(row: Row) -> str:
    return f"{row.source}:{row.line}" if row.source else ""


def spoken(row: Row) -> str:
    """The prompt for people: its one user turn, or all turns with their roles."""
    turns: list[Message] = [message for message in row.prompt if message.get("role") != "system"]
    if len(turns) == 1:
        return turns[0].get("content", "")
    return "\n".join(f"{turn.get('role', '')}: {turn.get('content', '')}" for turn in turns)
