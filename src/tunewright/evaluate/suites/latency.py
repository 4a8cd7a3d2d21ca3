"""Latency: answers one at a time, with the time to the first token and to the last."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.asking import answered, talks_of
from tunewright.evaluate.own_rows import own_set, question
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, measured_rows, sample_of

GENERAL = "general_prompts"


class Work(PlainSuite):
    """Greedy answers to prompts of the split, or to our own general prompts where there is no dataset.

    Only the prompt that was trained is asked: its length is part of what is measured.
    """

    name = "latency"
    ways = ("latency",)
    own = True

    def fits(self, row: Row) -> bool:
        """Rows with a prompt."""
        return bool(row.prompt)

    def examples(self, bench: Bench) -> Sample:
        """The first rows of the split, or general prompts. Raises NotMeasured where no row has a prompt."""
        if bench.measured is not None:
            found = measured_rows(self, bench, otherwise="no row has a prompt whose answer could be timed")
            return Sample(found.split, found.indices[: self.options.max_rows])
        return sample_of([question(each["prompt"]) for each in own_set(GENERAL)[: self.options.max_rows]])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with times; the first prompt is asked once before, so that nothing is loaded while the clock runs."""
        rows = sample.rows()
        talks = talks_of(rows, style=style, bench=bench)
        model.write_alone(talks[:1], max_new_tokens=self.options.max_new_tokens)
        written = model.write_alone(talks, max_new_tokens=self.options.max_new_tokens)
        return [answered(row, each) for row, each in zip(rows, written, strict=True)]
