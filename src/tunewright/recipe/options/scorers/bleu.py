"""Options of the scorer bleu."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer bleu; it has no keys of its own."""

    type: Literal["bleu"] = "bleu"
    version: Literal[1] = 1
