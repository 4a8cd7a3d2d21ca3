"""Options of the scorer recall_micro."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer recall_micro; it has no keys of its own."""

    type: Literal["recall_micro"] = "recall_micro"
    version: Literal[1] = 1
