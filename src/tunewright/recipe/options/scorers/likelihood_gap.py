"""Options of the scorer likelihood_gap."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer likelihood_gap; it has no keys of its own."""

    type: Literal["likelihood_gap"] = "likelihood_gap"
    version: Literal[1] = 1
