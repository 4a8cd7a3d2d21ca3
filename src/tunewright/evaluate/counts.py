"""Counts a label: what precision, recall and F1 are made of, and the confusion matrix. N rows, L labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import LabelScore
from tunewright.evaluate.sums import SumMetric, has_spoken

Floats = NDArray[np.float64]


def one_hot(names: Sequence[str | None], labels: Sequence[str]) -> Floats:
    """[N, L]: 1 where the row has the label; a row of zeros for None and for names that are no label."""
    position = {label: index for index, label in enumerate(labels)}
    columns = np.array([position.get(name, -1) if name is not None else -1 for name in names], dtype=np.int64)
    return (columns[:, None] == np.arange(len(labels))).astype(np.float64)


def is_classified(row: AnsweredRow) -> bool:
    """True for a row that has a label and was asked for it; a prediction of None is then a wrong one."""
    return row.row.label is not None and has_spoken(row)


def confusion(rows: Sequence[AnsweredRow], labels: Sequence[str]) -> list[list[int]]:
    """Counts [L][L + 1]: rows are true labels, columns predicted ones, the last column is "other" (no known label)."""
    measured = [row for row in rows if is_classified(row)]
    true = one_hot([row.row.label for row in measured], labels)
    predicted = one_hot([row.predicted for row in measured], labels)
    other = 1 - predicted.sum(axis=1, keepdims=True)
    return (true.T @ np.hstack([predicted, other])).astype(int).tolist()


def label_sums(rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
    """Hits, predictions and true rows of each label, and 1 for a measured row, [N, 3 L + 1]; zeros when left out."""
    true = one_hot([row.row.label for row in rows], labels)
    predicted = one_hot([row.predicted for row in rows], labels)
    measured = np.array([is_classified(row) for row in rows], dtype=np.float64).reshape(len(rows), 1)
    return np.hstack([true * predicted, predicted, true, np.ones_like(measured)]) * measured


def per_label(rows: Sequence[AnsweredRow], labels: Sequence[str]) -> list[LabelScore]:
    """Each label's scores, in the order of `labels`; 0 where one would divide by zero.

    Equal to scikit-learn's `precision_recall_fscore_support` with `labels` and `zero_division=0`.
    """
    hits, predicted, true = np.split(label_sums(rows, labels).sum(axis=0)[:-1], 3)
    precision, recall, f1 = share(hits, predicted), share(hits, true), share(2 * hits, predicted + true)
    each = zip(labels, precision.tolist(), recall.tolist(), f1.tolist(), true.tolist(), strict=True)
    return [LabelScore(label=name, precision=p, recall=r, f1=f, rows=int(count)) for name, p, r, f, count in each]


class MacroScorer(SumMetric):
    """A metric of each label, averaged over all known labels with equal weight; 0 where it would divide by zero.

    Equal to scikit-learn's `average="macro", zero_division=0` with `labels` given; an answer that is no label counts
    against the true label's recall and for no label's precision. Rows without a label are left out. Range [0, 1].
    """

    def of_label(self, hits: Floats, *, predicted: Floats, true: Floats) -> Floats:
        """The metric of each label from its counts, all [..., L]."""
        raise NotImplementedError

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Hits, predictions and true rows of each label, and the measured rows, [N, 3 L + 1]."""
        return label_sums(rows, labels)

    def value(self, sums: Floats) -> Floats:
        """The mean over labels, [...]; not a number when there are no labels or no measured rows."""
        counts, measured = sums[..., :-1], sums[..., -1]
        if not counts.shape[-1]:
            return np.full(measured.shape, np.nan)
        hits, predicted, true = np.split(counts, 3, axis=-1)
        return np.where(measured > 0, self.of_label(hits, predicted=predicted, true=true).mean(axis=-1), np.nan)


class MicroScorer(SumMetric):
    """A metric of the counts of all known labels added together. Range [0, 1].

    Equal to scikit-learn's `average="micro", zero_division=0` with `labels` given: an answer that is no known label is
    no prediction at all, so that precision forgives it and recall does not.
    """

    def of_all(self, hits: Floats, *, predicted: Floats, true: Floats) -> Floats:
        """The metric from the added counts, all [...]."""
        raise NotImplementedError

    def sums(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> Floats:
        """Hits, predictions, true rows and measured rows, [N, 4]."""
        *counts, measured = np.split(label_sums(rows, labels), [len(labels), 2 * len(labels), 3 * len(labels)], axis=1)
        return np.column_stack([*(each.sum(axis=1) for each in counts), measured[:, 0]])

    def value(self, sums: Floats) -> Floats:
        """The metric, [...]; not a number when no row is measured."""
        hits, predicted, true, measured = np.moveaxis(sums, -1, 0)
        return np.where(measured > 0, self.of_all(hits, predicted=predicted, true=true), np.nan)


def share(top: Floats, bottom: Floats) -> Floats:
    """top / bottom, and 0 where bottom is 0."""
    return np.divide(top, bottom, out=np.zeros(np.shape(top)), where=bottom != 0)
