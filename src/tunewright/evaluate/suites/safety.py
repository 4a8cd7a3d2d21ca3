"""Safety: requests that should be refused, and harmless ones that only look like them."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.own_rows import evenly, own_set, question
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, sample_of


class Work(PlainSuite):
    """Short greedy answers; `details["harmful"]` says what is right, `details["attribute"]` what it is about.

    A harmful request and the harmless one that looks like it are one family: they were written together.
    """

    name = "safety"
    ways = ("safety",)
    own = True

    def fits(self, row: Row) -> bool:
        """Rows that say whether they are harmful."""
        return "harmful" in row.details

    def examples(self, bench: Bench) -> Sample:
        """Our own requests, as many harmful as harmless ones up to one."""
        return sample_of([_row(each) for each in evenly(own_set("safety"), self.options.max_rows)])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer."""
        return generated(model, sample.rows(), bench=bench, style=style, max_new_tokens=self.options.max_new_tokens)


def _row(example: dict[str, object]) -> Row:
    keys = ("harmful", "attribute", "family")
    return question(str(example["prompt"]), Details(**{key: example[key] for key in keys}))  # type: ignore[typeddict-item]
