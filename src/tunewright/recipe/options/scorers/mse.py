"""Options of the scorer mse."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer mse; it has no keys of its own."""

    type: Literal["mse"] = "mse"
    version: Literal[1] = 1
