"""Options of the scorer loss."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer loss; it has no keys of its own."""

    type: Literal["loss"] = "loss"
    version: Literal[1] = 1
