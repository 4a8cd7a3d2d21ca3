"""Options of the scorer recall."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer recall; it has no keys of its own."""

    type: Literal["recall"] = "recall"
    version: Literal[1] = 1
