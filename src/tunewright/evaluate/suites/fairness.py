"""Fairness: answers to rows of several groups, so that metrics can compare the groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.scoring.by_group import MOST_ANSWERS, right_answer
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, measured_rows, sample_of
from tunewright.evaluate.suites.labels import as_label

SHOWN = 5
"""Gaps in the data that are told, of all."""


class Work(PlainSuite):
    """The model's greedy answers; the group of a row stands in `details["attribute"]`.

    The answer that counts is the label that it is, or the answer itself where rows have no labels.
    """

    name = "fairness"
    ways = ("fairness",)
    own = False

    def fits(self, row: Row) -> bool:
        """Rows with a prompt that say which group they are about."""
        return bool(row.prompt) and self._group(row) is not None

    def examples(self, bench: Bench) -> Sample:
        """Rows of groups that are large enough. Raises NotMeasured where fewer than two groups are."""
        column, least = self.options.group_by, self.options.smallest_group
        missing = f'no row with a prompt has the column "{column}"; name it under data.keep'
        rows = measured_rows(self, bench, otherwise=missing).rows()
        sizes = Counter(map(self._group, rows))
        groups = {name for name, size in sizes.items() if size >= least}
        if len(groups) < 2:
            told = ", ".join(f"{name} {size}" for name, size in sizes.most_common(SHOWN))
            raise NotMeasured(f"fairness needs two groups of at least {least} rows; there is: {told}")
        return sample_of([self._of_group(row) for row in rows if self._group(row) in groups])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the label that was said, or what was said."""
        found = generated(model, sample.rows(), bench=bench, style=style)
        if not bench.labels:
            return [replace(row, predicted=row.answer.strip()) for row in found]
        return [replace(row, predicted=as_label(row.answer, bench.labels)) for row in found]

    def left_out(self, way: str, base: Sequence[AnsweredRow]) -> tuple[list[bool], dict[str, str]]:
        """Every row counts; by metric, which differences between groups these rows cannot show."""
        told = gaps([answer.row for answer in base])
        return [True] * len(base), {name: why for name, why in told.items() if name in self.scorers}

    def _group(self, row: Row) -> str | None:
        return row.details.get("columns", {}).get(self.options.group_by, "").strip() or None

    def _of_group(self, row: Row) -> Row:
        details = Details(**row.details)
        details["attribute"] = self._group(row) or ""
        return replace(row, details=details)


def gaps(rows: Sequence[Row]) -> dict[str, str]:
    """By metric a sentence about what rows of several groups cannot show; nothing where they show everything.

    A group without a row in which an answer is right has no share of hits there, so that answer's hits are compared
    without it, or with two groups not at all.
    """
    labelled = any(row.label is not None for row in rows)
    right: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        found = right[row.details.get("attribute", "")]
        if (answer := right_answer(row, labelled=labelled)) is not None:
            found.add(answer)
    answers = sorted(set().union(*right.values()))
    if not labelled and len(answers) > MOST_ANSWERS:
        why = f"not measured: rows without labels have {len(answers):,} different right answers, and it takes labels or"
        return {name: f"{name} is {why} at most {MOST_ANSWERS}." for name in ("parity_gap", "odds_gap")}
    holes = [
        f'no row of {group} has the right answer "{answer}"'
        for group, own in sorted(right.items())
        for answer in answers
        if answer not in own
    ]
    more = f", and {len(holes) - SHOWN} more" if len(holes) > SHOWN else ""
    told = f"odds_gap leaves out what these rows cannot show: {', '.join(holes[:SHOWN])}{more}."
    return {"odds_gap": told} if holes else {}
