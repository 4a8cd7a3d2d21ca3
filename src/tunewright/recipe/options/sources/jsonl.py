"""Options of JSON Lines files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """One JSON object a line, UTF-8."""

    type: Literal["jsonl"] = "jsonl"
    version: Literal[1] = 1
