"""Options of the scorer parity_gap."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer parity_gap; it has no keys of its own."""

    type: Literal["parity_gap"] = "parity_gap"
    version: Literal[1] = 1
