"""Options of the scorer mae."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer mae; it has no keys of its own."""

    type: Literal["mae"] = "mae"
    version: Literal[1] = 1
