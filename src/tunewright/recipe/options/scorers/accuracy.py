"""Options of the scorer accuracy."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer accuracy; it has no keys of its own."""

    type: Literal["accuracy"] = "accuracy"
    version: Literal[1] = 1
