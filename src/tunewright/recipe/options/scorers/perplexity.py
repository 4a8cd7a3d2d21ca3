"""Options of the scorer perplexity."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer perplexity; it has no keys of its own."""

    type: Literal["perplexity"] = "perplexity"
    version: Literal[1] = 1
