"""Plain text: one document a row, and nothing else in it that a shape of conversations knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Converted
from tunewright.data.columns import PAIR, required_text
from tunewright.recipe.options.shapes.text import Options

OTHERS = PAIR | {"label", "messages", "conversations", "prompt", "completion", "question", "answer", "instruction"}
"""Columns that say a row is more than a document."""


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """The column is there and holds text, and no column of another shape is."""
        return isinstance(example.get(self.options.text), str) and not columns & OTHERS

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.text,)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """One turn of the role `document`. Raises RowProblem."""
        return Converted(({"role": "document", "content": required_text(value, self.options.text)},))
