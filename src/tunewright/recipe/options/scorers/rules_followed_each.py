"""Options of the scorer rules_followed_each."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer rules_followed_each; it has no keys of its own."""

    type: Literal["rules_followed_each"] = "rules_followed_each"
    version: Literal[1] = 1
