"""Options of the scorer f1."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer f1; it has no keys of its own."""

    type: Literal["f1"] = "f1"
    version: Literal[1] = 1
