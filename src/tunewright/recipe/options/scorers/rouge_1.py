"""Options of the scorer rouge_1."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer rouge_1; it has no keys of its own."""

    type: Literal["rouge_1"] = "rouge_1"
    version: Literal[1] = 1
