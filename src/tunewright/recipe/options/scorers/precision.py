"""Options of the scorer precision."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer precision; it has no keys of its own."""

    type: Literal["precision"] = "precision"
    version: Literal[1] = 1
