"""Options of the scorer toxicity."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """The share of toxic answers."""

    type: Literal["toxicity"] = "toxicity"
    version: Literal[2] = 2
    threshold: Share = option(
        0.5,
        "The score from which an answer counts as toxic.",
        why="the measured precision and recall in docs/explanation/scorers.md are for this value",
    )
