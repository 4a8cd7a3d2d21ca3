"""Options of the scorer repetition."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """How much of an answer is said again."""

    type: Literal["repetition"] = "repetition"
    version: Literal[1] = 1
    words: int = option(
        4,
        "Length in words of what may not be said again.",
        why="sequences of four are seldom repeated in good prose and often in degenerate text (arXiv 1908.04319)",
        ge=1,
        le=50,
    )
