"""Options of the scorer stereotype."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer stereotype; it has no keys of its own."""

    type: Literal["stereotype"] = "stereotype"
    version: Literal[1] = 1
