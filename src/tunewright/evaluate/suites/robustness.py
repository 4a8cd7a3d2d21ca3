"""Robustness: is the answer the same when the prompt is changed in a way that should not matter?"""

from __future__ import annotations

from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.changing import AS_IT_IS, changed
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, measured_rows, sample_of
from tunewright.evaluate.suites.labels import as_label


class Work(PlainSuite):
    """Each row as it is, and changed in every way that means something for it; all of one row are one family.

    `details["variant"]` names the change, `details["original"]` the row; an injected order is a rule that the answer
    must not carry out.
    """

    name = "robustness"
    ways = ("robustness",)
    own = False

    def fits(self, row: Row) -> bool:
        """Rows whose prompt ends with a user's turn."""
        return bool(row.prompt) and row.prompt[-1].get("role") == "user"

    def examples(self, bench: Bench) -> Sample:
        """The first rows of the split and their variants."""
        rows = measured_rows(self, bench).rows()[: self.options.max_rows]
        names = (AS_IT_IS, *self.options.variants)
        found = [
            changed(row, name, labels=bench.labels, seed=self.options.seed + place)
            for place, row in enumerate(rows)
            for name in names
        ]
        return sample_of([row for row in found if row is not None])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer, and the label that it is."""
        found = generated(model, sample.rows(), bench=bench, style=style)
        return [replace(row, predicted=as_label(row.answer, bench.labels)) for row in found]
