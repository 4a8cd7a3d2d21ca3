"""Options of the scorer contaminated."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer contaminated; it has no keys of its own."""

    type: Literal["contaminated"] = "contaminated"
    version: Literal[1] = 1
