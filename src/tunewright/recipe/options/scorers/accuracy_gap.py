"""Options of the scorer accuracy_gap."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer accuracy_gap; it has no keys of its own."""

    type: Literal["accuracy_gap"] = "accuracy_gap"
    version: Literal[1] = 1
