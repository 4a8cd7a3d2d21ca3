"""Options of plain text files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """One file is one document, UTF-8."""

    type: Literal["text"] = "text"
    version: Literal[1] = 1
