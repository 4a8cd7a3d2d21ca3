"""Latency: answers one at a time, with the time to the first token and to the last."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.asking import answered, talks_of
from tunewright.evaluate.own_rows import own_set, question
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, Respondent, Sample, sample_of
from tunewright.recipe.options.suites.latency import Options

GENERAL = "general_prompts"


class Work:
    """Greedy answers to prompts of the split, or to our own general prompts where there is no dataset."""

    name = "latency"
    ways = ("latency",)
    predicts_labels = False
    own = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self.scorers = options.scorers

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """Only the prompt that was trained: the length of a prompt is part of what is measured."""
        return ("bare",)

    def fits(self, row: Row) -> bool:
        """Every row."""
        return True

    def examples(self, bench: Bench) -> Sample:
        """The first rows of the split, or general prompts."""
        if bench.measured is not None:
            return Sample(bench.measured.split, bench.measured.indices[: self.options.max_rows])
        return sample_of([question(each["prompt"]) for each in own_set(GENERAL)[: self.options.max_rows]])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with times; the first prompt is asked once before, so that nothing is loaded while the clock runs."""
        rows = sample.rows()
        talks = talks_of(rows, style=style, bench=bench)
        model.write_alone(talks[:1], max_new_tokens=self.options.max_new_tokens)
        written = model.write_alone(talks, max_new_tokens=self.options.max_new_tokens)
        return [answered(row, each) for row, each in zip(rows, written, strict=True)]
