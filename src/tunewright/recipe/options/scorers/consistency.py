"""Options of the scorer consistency."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer consistency; it has no keys of its own."""

    type: Literal["consistency"] = "consistency"
    version: Literal[1] = 1
