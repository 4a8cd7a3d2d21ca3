"""Options of the scorer f1_micro."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer f1_micro; it has no keys of its own."""

    type: Literal["f1_micro"] = "f1_micro"
    version: Literal[1] = 1
