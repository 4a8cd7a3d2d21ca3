"""Options of the scorer exposure."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer exposure; it has no keys of its own."""

    type: Literal["exposure"] = "exposure"
    version: Literal[1] = 1
