"""Options of the scorer precision_micro."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer precision_micro; it has no keys of its own."""

    type: Literal["precision_micro"] = "precision_micro"
    version: Literal[1] = 1
