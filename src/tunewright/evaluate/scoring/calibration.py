"""Expected calibration error as a function of sums: confidence and hits, bin by bin. N rows, B bins.

Guo et al. 2017, arXiv 1706.04599, equation 3: the mean over rows of |accuracy - mean confidence| of the row's bin.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.counts import is_classified
from tunewright.evaluate.sums import is_answered, right_answers

Floats = NDArray[np.float64]


def judged(row: AnsweredRow, labels: Sequence[str]) -> tuple[float, bool] | None:
    """Confidence in (0, 1], and whether the answer is right; None for a row that lacks one of the two.

    The confidence of a choice is its softmax over the row's choices, that of a written answer the product of its
    tokens' probabilities. A written answer without a label is right when it equals the target or a reference.
    """
    confidence = _of_choice(row, labels) if row.choices else _of_tokens(row)
    if confidence is None:
        return None
    if is_classified(row):
        return confidence, row.predicted == row.row.label
    right = {text.strip() for text in right_answers(row)}
    return (confidence, row.answer.strip() in right) if right and is_answered(row) else None


def _of_choice(row: AnsweredRow, labels: Sequence[str]) -> float | None:
    names = row.row.details.get("choices") or labels
    if len(names) != len(row.choices) or row.predicted is None or row.predicted not in names:
        return None
    logits = np.asarray(row.choices, dtype=np.float64)
    if np.isnan(logits).any() or not np.isfinite(logits.max()):
        return None
    chances = np.exp(logits - logits.max())
    return float(chances[list(names).index(row.predicted)] / chances.sum())


def _of_tokens(row: AnsweredRow) -> float | None:
    total = sum(row.log_probabilities)
    if not row.log_probabilities or not is_answered(row) or math.isnan(total):
        return None
    return min(math.exp(total), 1.0)


def bin_sums(judgements: Sequence[tuple[float, float] | None], bins: int) -> Floats:
    """Confidence minus hit in each bin, then 1 for a measured row, [N, B + 1]; zeros for None.

    Bins have equal width and contain their upper edge; confidence 0 is in the first.
    """
    sums = np.zeros((len(judgements), bins + 1))
    for place, judgement in enumerate(judgements):
        if judgement is not None:
            confidence, right = judgement
            sums[place, max(math.ceil(confidence * bins) - 1, 0)] = confidence - right
            sums[place, bins] = 1
    return sums


def calibration_error(sums: Floats) -> Floats:
    """From added sums [..., B + 1] to the error in [0, 1], [...]; not a number when no row is measured.

    A bin's share of the rows times |accuracy - confidence| is |sum of differences| over all rows.
    """
    top, measured = np.abs(sums[..., :-1]).sum(axis=-1), sums[..., -1]
    return np.divide(top, measured, out=np.full(np.shape(top), np.nan), where=measured > 0)
