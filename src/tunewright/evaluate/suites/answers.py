"""Answers: what the model says to each prompt, by greedy generation."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, measured_rows


class Work(PlainSuite):
    """Greedy answers, to be compared with the answers in the data."""

    name = "answers"
    ways = written_ways = ("answers",)
    own = False

    def styles(self, offered: Sequence[Style], labels: Sequence[str]) -> tuple[Style, ...]:
        """The row's own prompt, and examples; without labels there is nothing to list."""
        return tuple(style for style in offered if style != "labels_listed") or ("bare",)

    def examples(self, bench: Bench) -> Sample:
        """The rows of the split. Raises NotMeasured where every answer is rated as bad."""
        return measured_rows(self, bench, otherwise="every measured answer is rated as bad, and is not to be imitated")

    def fits(self, row: Row) -> bool:
        """Rows whose answer is not rated as bad."""
        return row.details.get("desirable", True)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the answer and the log-probability of each of its tokens."""
        return generated(model, sample.rows(), style=style, bench=bench)
