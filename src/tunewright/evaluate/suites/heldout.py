"""Held-out: how well the answers of the split are predicted, token by token."""

from __future__ import annotations

import numpy as np

from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import Scored, ScoreItem
from tunewright.core.ports import Encoded, Row
from tunewright.evaluate.asking import check_tokens
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, measured_rows


class Work(PlainSuite):
    """Log-probabilities of the trained tokens of each row; base and tuned see the very same tokens.

    Only the prompt that was trained is asked: other tokens would be another measure.
    """

    name = "heldout"
    ways = ("heldout",)
    own = False

    def examples(self, bench: Bench) -> Sample:
        """The rows of the split. Raises NotMeasured where no answer was trained, as for prompts that a head reads."""
        found = measured_rows(self, bench, otherwise="every measured answer is rated as bad, and is not to be imitated")
        if not any(found.split.encoded(index).weights.any() for index in found.indices):
            raise NotMeasured("no token of the measured rows is trained, so there is no answer to predict")
        return found

    def fits(self, row: Row) -> bool:
        """Rows whose answer is not rated as bad."""
        return row.details.get("desirable", True)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with log-probability, arg-max and loss weight of each trained token; a row without any has none.

        Raises NotMeasured for a model with another tokenizer or template: other tokens would be another measure.
        """
        check_tokens(model, bench)
        encoded = sample.encoded()
        scored = iter(model.score([_item(example) for example in encoded if example.weights.any()]))
        return [
            _answered(row, example, next(scored)[0]) if example.weights.any() else AnsweredRow(row, "")
            for row, example in zip(sample.rows(), encoded, strict=True)
        ]


def _first_trained(example: Encoded) -> int:
    return int(np.flatnonzero(example.weights)[0])


def _item(example: Encoded) -> ScoreItem:
    start = _first_trained(example)
    tokens = example.tokens.tolist()
    return ScoreItem(tuple(tokens[:start]), (tuple(tokens[start:]),))


def _answered(row: Row, example: Encoded, scored: Scored) -> AnsweredRow:
    weights = example.weights[_first_trained(example) :]
    trained = weights != 0
    return AnsweredRow(
        row,
        "",
        log_probabilities=tuple(scored.log_probabilities[trained].tolist()),
        greedy=tuple(scored.greedy[trained].tolist()),
        weights=tuple(weights[trained].tolist()),
    )
