"""Options of the scorer rouge_l."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer rouge_l; it has no keys of its own."""

    type: Literal["rouge_l"] = "rouge_l"
    version: Literal[1] = 1
