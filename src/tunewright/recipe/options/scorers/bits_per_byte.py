"""Options of the scorer bits_per_byte."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer bits_per_byte; it has no keys of its own."""

    type: Literal["bits_per_byte"] = "bits_per_byte"
    version: Literal[1] = 1
