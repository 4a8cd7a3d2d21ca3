"""Options of the scorer rouge_2."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer rouge_2; it has no keys of its own."""

    type: Literal["rouge_2"] = "rouge_2"
    version: Literal[1] = 1
