"""Head: what a model with a head says of held-out rows, against the base model without one. N rows, O outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Outputs, Row
from tunewright.evaluate.asking import check_tokens
from tunewright.evaluate.pair_scores import pair_scores, preferring
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.rows import each
from tunewright.evaluate.scoring.numbers import number_of
from tunewright.evaluate.suite import Bench, NotMeasured, Reads, Respondent, Sample, measured_rows
from tunewright.evaluate.suites.labels import ranked_labels
from tunewright.recipe.options.suites.head import Options

SCORERS = {
    "classes": ("accuracy", "f1", "calibration"),
    "number": ("mae", "mse", "r2", "spearman"),
    "reward": ("preference_accuracy", "preference_calibration"),
}
LACKS = {
    "classes": "no measured row has a label",
    "number": "no measured row has a number for its label",
    "reward": "no measured row has an answer that lost against another",
}


class Work:
    """Three kinds of heads, one result each. A model without a head stands beside it with what it can say:

    `head_classes`: the label that it finds likeliest, as in the suite `labels`; `head_number`: the mean of the training
    rows, so that R2 says what the head adds; `head_reward`: which answer is likelier.
    """

    name = "head"
    own = False
    reads_heads = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.kind = "classes"
        """What the head says: classes, number or reward."""

    @property
    def ways(self) -> tuple[str, ...]:
        """One, by what the head says."""
        return (f"head_{self.kind}",)

    @property
    def scorers(self) -> tuple[str, ...]:
        """The recipe's, else those of the kind."""
        return self.options.scorers or SCORERS[self.kind]

    @property
    def predicts_labels(self) -> bool:
        """True of classes."""
        return self.kind == "classes"

    @property
    def asks(self) -> bool:
        """False for numbers: what stands beside them comes from the training rows, which no key of answers knows."""
        return self.kind != "number"

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """The base may be told the labels; nothing else has a prompt."""
        return (tuple(offered) if self.kind == "classes" else ()) or ("bare",)

    def fits(self, row: Row) -> bool:
        """Rows that have what the head was trained on."""
        if self.kind == "reward":
            return bool(row.rejected)
        return row.label is not None if self.kind == "classes" else number_of(row.label) is not None

    def examples(self, bench: Bench) -> Sample:
        """The rows of the split. Raises NotMeasured where there is none."""
        return measured_rows(self, bench, otherwise=LACKS[self.kind])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with a label and `choices`, with a number in words, or with `choices` of winner and loser."""
        if isinstance(model, Reads) and model.head is not None:
            check_tokens(model, bench)
            return self._read(model, sample, bench)
        if self.kind == "classes":
            return ranked_labels(model, sample.rows(), style=style, bench=bench)
        if self.kind == "number":
            mean = _mean_of_training(bench)
            return [_numbered(row, mean) for row in sample.rows()]
        scores = pair_scores(model, sample, bench=bench)
        return [preferring(row, one.sums) for row, one in zip(sample.rows(), scores, strict=True)]

    def _read(self, model: Reads, sample: Sample, bench: Bench) -> list[AnsweredRow]:
        encoded, rows = sample.encoded(), sample.rows()
        if self.kind == "reward":
            lost = [one.rejected for one in encoded if one.rejected is not None]
            if len(lost) < len(encoded):
                raise NotMeasured("the rows were encoded for an objective that does not learn from pairs")
            _, found = model.outputs([one.tokens.tolist() for one in [*encoded, *lost]])
            pairs = zip(rows, found[: len(rows), 0].tolist(), found[len(rows) :, 0].tolist(), strict=True)
            return [preferring(row, (won, less)) for row, won, less in pairs]
        meaning, found = model.outputs([one.tokens.tolist() for one in encoded])
        if self.kind == "number":
            values = (meaning.centre + meaning.spread * found[:, 0].astype(np.float64)).tolist()
            return [_numbered(row, value) for row, value in zip(rows, values, strict=True)]
        return [_labelled(row, one, meaning=meaning, labels=bench.labels) for row, one in zip(rows, found, strict=True)]


def _labelled(row: Row, scores_O: NDArray[np.float32], *, meaning: Outputs, labels: Sequence[str]) -> AnsweredRow:
    """The row with its likeliest label; a label of the data set that the head does not know has no chance."""
    if not np.isfinite(scores_O).all():
        return AnsweredRow(row, "", finish="error")
    logits = scores_O.astype(np.float64)
    known = dict(zip(meaning.labels, (logits - np.logaddexp.reduce(logits)).tolist(), strict=True))
    best = meaning.labels[int(logits.argmax())]
    answered = AnsweredRow(row, best, predicted=best)
    return replace(answered, choices=tuple(known.get(label, -np.inf) for label in labels))


def _numbered(row: Row, value: float) -> AnsweredRow:
    if not np.isfinite(value):
        return AnsweredRow(row, "", finish="error")
    return AnsweredRow(row, f"{value:.6g}", predicted=repr(float(value)))


def _mean_of_training(bench: Bench) -> float:
    """The mean of the training rows' numbers. Raises NotMeasured where there is none."""
    rows = each(bench.train) if bench.train is not None else ()
    known = [value for row in rows if (value := number_of(row.label)) is not None]
    if not known:
        raise NotMeasured("no training row has a number for its label")
    return float(np.mean(known))
