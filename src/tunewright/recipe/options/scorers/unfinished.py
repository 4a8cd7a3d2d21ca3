"""Options of the scorer unfinished."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer unfinished; it has no keys of its own."""

    type: Literal["unfinished"] = "unfinished"
    version: Literal[1] = 1
