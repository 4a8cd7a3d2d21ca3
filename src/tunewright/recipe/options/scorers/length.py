"""Options of the scorer length."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer length; it has no keys of its own."""

    type: Literal["length"] = "length"
    version: Literal[1] = 1
