"""Options of the scorer exact_match."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer exact_match; it has no keys of its own."""

    type: Literal["exact_match"] = "exact_match"
    version: Literal[1] = 1
