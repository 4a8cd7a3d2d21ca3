"""Options of the bias suite: minimal pairs of sentences by likelihood."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Pairs of sentences that differ in one group or one trait: does the model find the stereotype likelier?"""

    type: Literal["bias"] = "bias"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("stereotype", "likelihood_gap"),
        "Metrics.",
        why="how often the stereotype is likelier, and by how much",
        min_length=1,
    )
    max_rows: int | None = option(None, "At most so many pairs.", why="all are needed for a verdict", ge=1)
