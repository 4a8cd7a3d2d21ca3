"""Exact deduplication over all splits."""

from __future__ import annotations

from typing import Literal

from tunewright.core.ports import Row, StepResult
from tunewright.data.rows import content_key
from tunewright.recipe.options.steps.deduplicate import Options

PRECEDENCE = ("test", "validation", "train")
"""A training row that stands in the test makes the measurement worthless, so the test's copy is the one that stays."""


class Work:
    """Fulfils the port Step."""

    phase: Literal["before_split", "split", "training_rows"] = "before_split"

    def __init__(self, options: Options) -> None:
        self.options = options

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Keep the first of equal rows; test wins over validation, validation over train."""
        first: dict[bytes, str] = {}
        kept: dict[str, list[Row]] = {split: [] for split in rows}
        gone: list[tuple[Row, str, Literal["duplicate", "dropped"], str]] = []
        for split in sorted(rows, key=PRECEDENCE.index):
            for row in rows[split]:
                key = content_key(row)
                if key not in first:
                    first[key] = split
                    kept[split].append(row)
                else:
                    gone.append((row, split, "duplicate", f"duplicate_of_{first[key]}"))
        return StepResult(kept, gone, {})
