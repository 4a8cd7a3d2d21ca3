"""Options of the suite of preferences: held-out pairs by likelihood."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Of two answers that were compared, is the better one likelier: as a whole, a token, and against the base?"""

    type: Literal["preferences"] = "preferences"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("preference_accuracy", "preference_margin"),
        "Metrics.",
        why="how often the better answer is likelier, and by how much",
        min_length=1,
    )
