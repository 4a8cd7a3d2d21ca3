"""What a head is to say of each example: the number of its label, or the number that its label is."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import UserError
from tunewright.core.ports import HasOutputs, Outputs
from tunewright.data.dataset import Split


def outputs_of(objective: HasOutputs, train: Split) -> Outputs:
    """What the head of an objective says over a training split. Raises UserError where its rows have no such labels."""
    found = objective.outputs(sorted({label for label in train.labels if label is not None}))
    if found.kind == "classes" and found.size < 2:
        raise UserError(
            f"the rows have {found.size} labels, and a classifier chooses between two at least.",
            where="data.train",
            do="Give labelled rows: data.shape: labelled, with text and label.",
        )
    if found.kind != "number":
        return found
    numbers = _numbers(train)
    spread = float(numbers.std())
    if not spread:
        raise UserError(
            f"every training row has the number {numbers[0]:g}: there is nothing to learn.",
            where="data.train",
            do="Give rows whose labels differ.",
        )
    return found._replace(labels=(), centre=float(numbers.mean()), spread=spread)


def targets_of(split: Split, outputs: Outputs) -> NDArray[np.float64] | None:
    """The target of each example [N], None for rewards, which pairs teach. Raises UserError for an unknown label."""
    if outputs.kind == "reward":
        return None
    if outputs.kind == "number":
        return (_numbers(split) - outputs.centre) / outputs.spread
    place = {label: number for number, label in enumerate(outputs.labels)}
    found = split.labels
    for number, label in enumerate(found):
        if label not in place:
            raise _not_labelled(split, number, label)
    return np.array([place[label] for label in found if label is not None], np.float64)


def _numbers(split: Split) -> NDArray[np.float64]:
    """The labels of a split as numbers."""
    values = np.empty(len(split))
    for number, label in enumerate(split.labels):
        try:
            values[number] = float(label if label is not None else "")
        except ValueError as error:
            raise _not_labelled(split, number, label, wanted="a number") from error
        if not math.isfinite(values[number]):
            raise _not_labelled(split, number, label, wanted="a finite number")
    return values


def _not_labelled(
    split: Split, number: int, label: str | None, *, wanted: str = "a label of the training rows"
) -> UserError:
    row = split.row(number)
    what = "has no label" if label is None else f"has the label {label!r}"
    return UserError(
        f"this row {what}, and the objective needs {wanted}.",
        where=f"{row.source}:{row.line}",
        do="Correct the row, or choose another objective.",
    )
