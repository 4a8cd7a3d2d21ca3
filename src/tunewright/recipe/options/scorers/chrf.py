"""Options of the scorer chrf."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer chrf; it has no keys of its own."""

    type: Literal["chrf"] = "chrf"
    version: Literal[1] = 1
