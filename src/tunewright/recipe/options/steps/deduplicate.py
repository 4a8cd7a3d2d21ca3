"""Options of exact deduplication."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Keep the first of equal rows; test rows win over validation rows, these over training rows."""

    type: Literal["deduplicate"] = "deduplicate"
    version: Literal[1] = 1
