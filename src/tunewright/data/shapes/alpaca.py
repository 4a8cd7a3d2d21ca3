"""Alpaca: an instruction, an optional input, an output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Converted
from tunewright.data.columns import exchange, optional_text, required_text
from tunewright.recipe.options.shapes.alpaca import Options


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Instruction and output are there."""
        return {self.options.instruction, self.options.output} <= columns

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.instruction, options.input, options.output)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The instruction, then the input after an empty line, as the user's turn. Raises RowProblem."""
        question = required_text(value, self.options.instruction)
        more = optional_text(value, self.options.input) or ""
        if more.strip():
            question = f"{question}\n\n{more}"
        return Converted(exchange(question, required_text(value, self.options.output)))
