"""Weights of training rows, from a column and by source."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase

from tunewright.core.errors import UserError
from tunewright.core.ports import Phase, Row, StepResult
from tunewright.data.row_weights import times, usable
from tunewright.data.step import BatchStep, Outcome
from tunewright.recipe.options.steps.weight import Options

ZERO, UNREADABLE = "weight.zero", "weight.unreadable"


class Work(BatchStep):
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """The port's `apply`: other splits than training stay as they are."""
        done = super().apply({"train": rows.get("train", [])})
        return done._replace(rows={**rows, **done.rows})

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """Each row with its weights multiplied; a row of weight 0 teaches nothing and goes.

        Raises UserError for a weight that cannot be read, where the recipe says to refuse it.
        """
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> Outcome:
        own = self._of_column(row)
        if not usable(own):
            return Outcome(None, reason=UNREADABLE)
        of_source = next((w for like, w in self.options.sources.items() if fnmatchcase(row.source, like)), 1.0)
        reasons = [name for name, one in (("weight.column", own), ("weight.source", of_source)) if one != 1]
        if own * of_source * row.details.get("weight", 1.0) == 0:
            return Outcome(None, reason=ZERO)
        return Outcome(times(row, own * of_source), tuple(reasons)) if reasons else Outcome(row)

    def _of_column(self, row: Row) -> float:
        if self.options.column is None:
            return 1.0
        text = row.details.get("columns", {}).get(self.options.column, "").strip()
        weight = _number(text) if text else self.options.missing
        if usable(weight) or self.options.unreadable == "drop":
            return weight
        raise UserError(
            f'"{text[:40]}" in the column {self.options.column} is no weight from 0 to 1,000,000.',
            where=f"{row.source}:{row.line}",
            do="Mend it, or write unreadable: drop in the step weight.",
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
