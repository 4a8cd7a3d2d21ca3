"""Robustness: is the answer the same when the prompt is changed in a way that should not matter?"""

from __future__ import annotations

from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.changing import AS_IT_IS, changed
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, measured_rows, sample_of
from tunewright.evaluate.suites.labels import as_label


class Work(PlainSuite):
    """Each row as it is, and changed in every way that means something for it; all of one row are one family.

    `details["variant"]` names the change, `details["original"]` the row; an injected order is a rule that the answer
    must not carry out (an empty answer keeps no rule). A row that stands in the split twice is asked once.
    """

    name = "robustness"
    ways = ("robustness",)
    own = False

    def fits(self, row: Row) -> bool:
        """Rows whose prompt ends with a user's turn."""
        return bool(row.prompt) and row.prompt[-1].get("role") == "user"

    def examples(self, bench: Bench) -> Sample:
        """The first rows of the split and their variants. Raises NotMeasured where no change means anything."""
        rows = measured_rows(self, bench, otherwise="robustness needs rows whose prompt ends with a user's turn").rows()
        first = list({row.id: row for row in rows}.values())[: self.options.max_rows]
        names = tuple(dict.fromkeys((AS_IT_IS, *self.options.variants)))
        made = [[changed(row, name, labels=bench.labels, seed=self.options.seed) for name in names] for row in first]
        found = [row for each in made for row in each if row is not None]
        if len(found) == len(first):
            told = ", ".join(self.options.variants)
            raise NotMeasured(
                f"no row can be changed by {told}; order needs labels, the others need words in the prompt"
            )
        return sample_of(found)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer, and the label that it is."""
        found = generated(model, sample.rows(), bench=bench, style=style)
        return [replace(row, predicted=as_label(row.answer, bench.labels)) for row in found]
