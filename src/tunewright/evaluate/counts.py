"""Counts a label: what precision, recall and F1 are made of, and the confusion matrix. N rows, L labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow

Floats = NDArray[np.float64]


def one_hot(names: Sequence[str | None], labels: Sequence[str]) -> Floats:
    """[N, L]: 1 where the row has the label; a row of zeros for None and for names that are no label."""
    position = {label: index for index, label in enumerate(labels)}
    columns = np.array([position.get(name, -1) if name is not None else -1 for name in names], dtype=np.int64)
    return (columns[:, None] == np.arange(len(labels))).astype(np.float64)


def confusion(rows: Sequence[AnsweredRow], labels: Sequence[str]) -> list[list[int]]:
    """Counts [L][L + 1]: rows are true labels, columns predicted ones, the last column is "other" (no known label)."""
    true = one_hot([row.row.label for row in rows], labels)
    predicted = one_hot([row.predicted for row in rows], labels)
    other = 1 - predicted.sum(axis=1, keepdims=True)
    return (true.T @ np.hstack([predicted, other])).astype(int).tolist()


class MacroScorer:
    """A metric of each label, averaged over all known labels with equal weight; 0 where it would divide by zero.

    Equal to scikit-learn's `average="macro", zero_division=0` with `labels` given; an answer that is no label counts
    against the true label's recall and for no label's precision.
    """

    direction: Literal["higher", "lower"] = "higher"

    def __init__(self, options: Any) -> None:
        self.options = options

    def of_label(self, hits: Floats, *, predicted: Floats, true: Floats) -> Floats:
        """The metric of each label from its counts, all [..., L]."""
        raise NotImplementedError

    def per_row(self, rows: Sequence[AnsweredRow]) -> None:
        """None: a metric of the whole set of rows."""

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Hits, predictions and true rows of each label, [N, 3 L]."""
        true = one_hot([row.row.label for row in rows], labels)
        predicted = one_hot([row.predicted for row in rows], labels)
        return np.hstack([true * predicted, predicted, true])

    def value(self, sums: Floats) -> Floats:
        """The mean over labels, [...]; not a number when there are no labels."""
        if not sums.shape[-1]:
            return np.full(sums.shape[:-1], np.nan)
        hits, predicted, true = np.split(sums, 3, axis=-1)
        return self.of_label(hits, predicted=predicted, true=true).mean(axis=-1)

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        """The metric over all rows, in [0, 1]."""
        return float(self.value(self.sums(rows, labels).sum(axis=0)))


def share(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, and 0 where bottom is 0."""
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom != 0)
