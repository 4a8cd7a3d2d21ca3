"""Contamination: measured rows that were trained on make every other number worthless."""

from __future__ import annotations

from tunewright.core.answers import AnsweredRow
from tunewright.data.overlap import overlaps
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.rows import each
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, measured_rows

EXACT, NEARLY, CLEAN = "exact", "nearly", "clean"


class Work(PlainSuite):
    """Asks no model: `predicted` says whether a row stands among the training rows exactly, nearly, or not.

    `answer` says where: the training row's file and line, and the share of its words that stand in runs of that row.
    """

    name = "contamination"
    ways = ("contamination",)
    own = False
    asks = False

    def examples(self, bench: Bench) -> Sample:
        """The rows of the split. Raises NotMeasured without training rows."""
        if bench.train is None:
            raise NotMeasured("there are no training rows to search in")
        return measured_rows(self, bench)

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """What was found of each row."""
        rows = sample.rows()
        assert bench.train is not None
        found = overlaps(each(bench.train), rows, ngram=self.options.ngram)
        answers: list[AnsweredRow] = []
        for row, one in zip(rows, found, strict=True):
            kind = EXACT if one.exact else NEARLY if one.share >= self.options.share else CLEAN
            told = "" if kind == CLEAN else f"{kind}: {one.where} ({one.share:.0%} of its words)"
            answers.append(AnsweredRow(row, told, predicted=kind))
        return answers
