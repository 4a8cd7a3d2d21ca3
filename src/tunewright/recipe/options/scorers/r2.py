"""Options of the scorer r2."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer r2; it has no keys of its own."""

    type: Literal["r2"] = "r2"
    version: Literal[1] = 1
