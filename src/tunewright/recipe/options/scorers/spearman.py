"""Options of the scorer spearman."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer spearman; it has no keys of its own."""

    type: Literal["spearman"] = "spearman"
    version: Literal[1] = 1
