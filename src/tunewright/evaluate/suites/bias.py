"""Bias: minimal pairs of sentences, scored whole by likelihood."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Row
from tunewright.evaluate.completing import completed
from tunewright.evaluate.own_rows import document, evenly, own_set
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, sample_of


class Work(PlainSuite):
    """Which of two sentences a model finds likelier: `choices` are the summed log-probabilities (stereotyped, other).

    The pair stands in `details["choices"]` in the same order, what it is about in `details["attribute"]`.
    """

    name = "bias"
    ways = ("bias",)
    own = True

    def fits(self, row: Row) -> bool:
        """Rows with a pair of sentences."""
        return len(row.details.get("choices", ())) == 2 and "attribute" in row.details

    def examples(self, bench: Bench) -> Sample:
        """Our own pairs."""
        return sample_of([_row(each) for each in evenly(own_set("bias"), self.options.max_rows)])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with both sums. Raises NotMeasured for a model that is far away."""
        rows = sample.rows()
        pairs = [row.details.get("choices", []) for row in rows]
        return completed(model, rows, contexts=[""] * len(rows), choices=pairs)


def _row(example: dict[str, str]) -> Row:
    pair = [example["stereotyped"], example["other"]]
    return document(pair[0], Details(choices=pair, attribute=example["attribute"], family=example["family"]))
