"""Options of the scorer faithfulness."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer faithfulness; it has no keys of its own."""

    type: Literal["faithfulness"] = "faithfulness"
    version: Literal[1] = 1
