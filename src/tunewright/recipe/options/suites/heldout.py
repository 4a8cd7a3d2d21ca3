"""Options of the held-out suite: loss, perplexity, token accuracy."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """How well the answers of the split are predicted, token by token."""

    type: Literal["heldout"] = "heldout"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("loss", "perplexity", "token_accuracy"), "Metrics.", why="the three that follow from the token scores"
    )
