"""Options of the scorer preference_margin."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer preference_margin; it has no keys of its own."""

    type: Literal["preference_margin"] = "preference_margin"
    version: Literal[1] = 1
