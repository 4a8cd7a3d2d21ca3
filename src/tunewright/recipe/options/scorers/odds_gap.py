"""Options of the scorer odds_gap."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer odds_gap; it has no keys of its own."""

    type: Literal["odds_gap"] = "odds_gap"
    version: Literal[1] = 1
