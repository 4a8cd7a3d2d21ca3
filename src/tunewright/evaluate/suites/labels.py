"""Labels: classification by what the model says, and by which of the known labels it finds likeliest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.language_model import AskedModel, Scored, ScoreItem
from tunewright.core.ports import Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, Sample
from tunewright.recipe.options.suites.labels import Options

GENERATED = "labels_generated"
RANKED = "labels_ranked"


class Work:
    """Two results: `labels_generated`, where an answer counts as a label only when it is that label, character by
    character (spaces and line ends around it left out, case kept); and `labels_ranked`, the label whose tokens and stop
    token together are the likeliest after the prompt."""

    name = "labels"
    ways = (GENERATED, RANKED)
    predicts_labels = True

    def __init__(self, options: Options) -> None:
        self.scorers = options.scorers

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """All that are offered."""
        return tuple(offered) or ("bare",)

    def fits(self, row: Row) -> bool:
        """Rows that have a label."""
        return row.label is not None

    def answer(self, way: str, model: AskedModel, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the predicted label, or None where the answer is no label.

        Of a ranked row `log_probabilities` holds one number a label, in the order of the labels.
        Raises UserError when the dataset knows no labels.
        """
        if not bench.labels:
            raise UserError(
                "the suite labels needs rows with labels.",
                where="evaluate.suites",
                do='Use the shape "labelled" for the data, or the suite "answers".',
            )
        if way == RANKED:
            return _ranked(model, sample.rows(), style=style, bench=bench)
        answered = generated(model, sample.rows(), style=style, bench=bench)
        return [replace(row, predicted=as_label(row.answer, bench.labels)) for row in answered]


def as_label(answer: str, labels: Sequence[str]) -> str | None:
    """The label that an answer is, exactly; None for anything else."""
    said = answer.strip()
    return next((label for label in labels if label.strip() == said), None)


def _ranked(model: AskedModel, rows: Sequence[Row], *, style: Style, bench: Bench) -> list[AnsweredRow]:
    prompts = [tuple(bench.chat.prompt_ids(bench.prompts.messages(row, style))) for row in rows]
    results = model.score([ScoreItem(prompt, bench.label_tokens) for prompt in prompts])
    return [_likeliest(row, scored, bench.labels) for row, scored in zip(rows, results, strict=True)]


def _likeliest(row: Row, scored: Sequence[Scored], labels: Sequence[str]) -> AnsweredRow:
    """The first of the likeliest labels; sums in float64."""
    sums = np.array([one.log_probabilities.sum(dtype=np.float64) for one in scored])
    best = labels[int(np.argmax(sums))]
    return AnsweredRow(row, best, predicted=best, log_probabilities=tuple(sums.tolist()))
