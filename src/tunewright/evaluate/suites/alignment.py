"""Alignment: of two answers that people compared, which does the model find likelier?"""

from __future__ import annotations

from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Message, Row
from tunewright.evaluate.asking import answers_scored
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, PlainSuite, Respondent, Sample, measured_rows


class Work(PlainSuite):
    """`choices` are the summed log-probabilities of the chosen and the rejected answer, stop tokens included.

    Answers that are calls of tools are left out: their text alone is not what was preferred.

    Sums and not means, as in the implicit reward of DPO (Rafailov et al., 2023, arXiv 2305.18290).
    """

    name = "alignment"
    ways = ("alignment",)
    own = False

    def fits(self, row: Row) -> bool:
        """Pairs whose answers are one turn of text each."""
        return len(row.rejected) == 1 and _is_text(row.messages[-1]) and _is_text(row.rejected[0])

    def examples(self, bench: Bench) -> Sample:
        """The pairs of the split. Raises NotMeasured where there is none."""
        found = measured_rows(self, bench, otherwise='alignment needs preference pairs: rows of the shape "preference"')
        return Sample(found.split, found.indices[: self.options.max_rows])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with both sums. Raises NotMeasured for a model that is far away."""
        rows = sample.rows()
        chosen = answers_scored(model, rows, bench=bench, answers=[row.target for row in rows])
        lost = [row.rejected[-1].get("content", "") for row in rows]
        rejected = answers_scored(model, rows, bench=bench, answers=lost)
        return [
            replace(one, choices=(sum(one.log_probabilities), sum(other.log_probabilities)))
            for one, other in zip(chosen, rejected, strict=True)
        ]


def _is_text(turn: Message) -> bool:
    return bool(turn.get("content", "").strip()) and not turn.get("tool_calls")
