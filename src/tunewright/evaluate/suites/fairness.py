"""Fairness: answers to rows of several groups, so that metrics can compare the groups."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details, Row
from tunewright.evaluate.asking import generated
from tunewright.evaluate.prompts import Style
from tunewright.evaluate.suite import Bench, NotMeasured, PlainSuite, Respondent, Sample, measured_rows, sample_of
from tunewright.evaluate.suites.labels import as_label


class Work(PlainSuite):
    """The model's greedy answers; the group of a row stands in `details["attribute"]`.

    The answer that counts is the label that it is, or the answer itself where rows have no labels.
    """

    name = "fairness"
    ways = ("fairness",)
    own = False

    def fits(self, row: Row) -> bool:
        """Rows that say which group they are about."""
        return self._group(row) is not None

    def examples(self, bench: Bench) -> Sample:
        """Rows of groups that are large enough. Raises NotMeasured where fewer than two groups are."""
        try:
            rows = measured_rows(self, bench).rows()
        except NotMeasured as reason:
            column = self.options.group_by
            raise NotMeasured(f'no row has the column "{column}"; name it under data.keep') from reason
        sizes = Counter(map(self._group, rows))
        groups = {name for name, size in sizes.items() if size >= self.options.smallest_group}
        if len(groups) < 2:
            told = ", ".join(f"{name} {size}" for name, size in sizes.most_common(5))
            least = self.options.smallest_group
            raise NotMeasured(f"fairness needs two groups of at least {least} rows; there is: {told}")
        return sample_of([self._of_group(row) for row in rows if self._group(row) in groups])

    def answer(self, way: str, model: Respondent, *, sample: Sample, style: Style, bench: Bench) -> list[AnsweredRow]:
        """Rows with the label that was said, or what was said."""
        found = generated(model, sample.rows(), bench=bench, style=style)
        if not bench.labels:
            return [replace(row, predicted=row.answer.strip()) for row in found]
        return [replace(row, predicted=as_label(row.answer, bench.labels)) for row in found]

    def _group(self, row: Row) -> str | None:
        return row.details.get("columns", {}).get(self.options.group_by)

    def _of_group(self, row: Row) -> Row:
        details = Details(**row.details)
        details["attribute"] = self._group(row) or ""
        return replace(row, details=details)
