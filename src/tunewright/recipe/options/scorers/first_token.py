"""Options of the scorer first_token."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer first_token; it has no keys of its own."""

    type: Literal["first_token"] = "first_token"
    version: Literal[1] = 1
