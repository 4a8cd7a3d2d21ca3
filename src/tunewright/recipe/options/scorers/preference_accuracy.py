"""Options of the scorer preference_accuracy."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer preference_accuracy; it has no keys of its own."""

    type: Literal["preference_accuracy"] = "preference_accuracy"
    version: Literal[1] = 1
