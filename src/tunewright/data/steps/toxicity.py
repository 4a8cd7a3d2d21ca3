"""Rows with toxic text: dropped, or marked with their score."""

from __future__ import annotations

from collections.abc import Sequence

from tunewright.core.ports import Row
from tunewright.data.looked_at import answers, conversation, everything
from tunewright.data.rows import with_column
from tunewright.data.step import BatchStep, Outcome
from tunewright.detect.toxicity import toxicity
from tunewright.detect.toxicity_linear import combined
from tunewright.recipe.options.steps.toxicity import Options

REASON = COLUMN = "toxicity"
LOOKS = {"conversation": conversation, "answers": answers, "everything": everything}
SCORERS = {"combined": combined, "lexicon": toxicity}


class Work(BatchStep):
    """Fulfils the port Step."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """Each row, but those whose worst turn is toxic; with `mark` all of them, with that turn's score."""
        return [self._row(row) for row in rows]

    def _row(self, row: Row) -> Outcome:
        scorer = SCORERS[self.options.scorer]
        worst = max(map(scorer, LOOKS[self.options.look_at](row)), default=0.0)
        if self.options.action == "mark":
            return Outcome(with_column(row, COLUMN, value=f"{worst:.2f}"))
        return Outcome(None, reason=REASON) if worst >= self.options.threshold else Outcome(row)
