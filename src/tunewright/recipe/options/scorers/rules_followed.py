"""Options of the scorer rules_followed."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer rules_followed; it has no keys of its own."""

    type: Literal["rules_followed"] = "rules_followed"
    version: Literal[1] = 1
