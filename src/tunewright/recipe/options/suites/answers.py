"""Options of the answers suite: greedy answers against the data."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Greedy answers compared with the answers in the data."""

    type: Literal["answers"] = "answers"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(("exact_match",), "Metrics.", why="the strictest; others come with later suites")
