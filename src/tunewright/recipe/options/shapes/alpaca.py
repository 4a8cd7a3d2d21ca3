"""Options of the Alpaca shape: instruction, input, output."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """An instruction, an optional input and an output."""

    type: Literal["alpaca"] = "alpaca"
    version: Literal[1] = 1
    instruction: str = option("instruction", "Column of the instruction.", why="Stanford Alpaca")
    input: str = option("input", "Column of the input; may be absent or empty.", why="Stanford Alpaca")
    output: str = option("output", "Column of the answer.", why="Stanford Alpaca")
