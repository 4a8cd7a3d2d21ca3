"""Options of the alignment suite: which of two answers is likelier."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Preference pairs: is the answer that people chose likelier than the one they rejected?"""

    type: Literal["alignment"] = "alignment"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("preference_accuracy",),
        "Metrics.",
        why="the share of pairs that the model orders as people did",
        min_length=1,
    )
    max_rows: int | None = option(None, "At most so many pairs of the split.", why="none: all of them", ge=1)
