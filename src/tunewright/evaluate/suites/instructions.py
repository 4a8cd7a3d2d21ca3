"""Instructions: rules in a prompt that a program can check, of the kinds of IFEval (Zhou et al. 2023)."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.own_rows import evenly, own_set, question
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, sample_of


class Work(PlainSuite):
    """Greedy answers to prompts with one to three rules each, in `details["rules"]`."""

    name = "instructions"
    ways = ("instructions",)
    own = True

    def fits(self, row: Row) -> bool:
        """Rows with rules."""
        return bool(row.details.get("rules"))

    def examples(self, bench: Bench) -> Sample:
        """Our own prompts."""
        found = evenly(own_set("instructions"), self.options.max_rows)
        return sample_of([question(each["prompt"], Details(rules=each["rules"])) for each in found])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer."""
        return generated(model, sample.rows(), bench=bench, style=style, max_new_tokens=self.options.max_new_tokens)
