"""Exact deduplication over all splits."""

from __future__ import annotations

from tunewright.core.ports import Gone, Phase, Row, StepResult
from tunewright.data.rows import content_key
from tunewright.recipe.options.steps.deduplicate import Options

PRECEDENCE = ("test", "validation", "train")
"""A training row that stands in the test makes the measurement worthless, so the test's copy is the one that stays."""


class Work:
    """Fulfils the port Step."""

    phase: Phase = "before_split"

    def __init__(self, options: Options) -> None:
        self.options = options

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Keep the first of equal rows; test wins over validation, validation over train."""
        first: dict[bytes, tuple[str, Row]] = {}
        kept: dict[str, list[Row]] = {split: [] for split in rows}
        gone: list[Gone] = []
        for split in sorted(rows, key=PRECEDENCE.index):
            for row in rows[split]:
                key = content_key(row)
                if key not in first:
                    first[key] = split, row
                    kept[split].append(row)
                else:
                    where, same = first[key]
                    gone.append(Gone(row, split, "duplicate", f"duplicate_of_{where}", same.id))
        return StepResult(kept, gone, {})
