"""Options of the scorer token_accuracy."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer token_accuracy; it has no keys of its own."""

    type: Literal["token_accuracy"] = "token_accuracy"
    version: Literal[1] = 1
