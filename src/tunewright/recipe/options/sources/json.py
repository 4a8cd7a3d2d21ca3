"""Options of JSON files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """An array of objects, or an object with one such array in it; read in pieces, not as a whole."""

    type: Literal["json"] = "json"
    version: Literal[1] = 1
