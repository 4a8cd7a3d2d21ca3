"""Options of the scorer extracted."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer extracted; it has no keys of its own."""

    type: Literal["extracted"] = "extracted"
    version: Literal[1] = 1
