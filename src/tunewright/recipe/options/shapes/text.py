"""Options of plain text: documents for continued pre-training."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """One document a row, written without a chat template; the objective is `pretrain`."""

    type: Literal["text"] = "text"
    version: Literal[1] = 1
    text: str = option("text", "Column of the document.", why="the usual name")
