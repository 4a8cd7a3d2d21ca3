"""A question, an optional context, and an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Converted
from tunewright.data.columns import exchange, optional_text, required_text
from tunewright.recipe.options.shapes.question_answer import Options


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Question and answer are there."""
        return {self.options.question, self.options.answer} <= columns

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.question, options.context, options.answer)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The context, then the question after an empty line, as the user's turn. Raises RowProblem."""
        question = required_text(value, self.options.question)
        context = optional_text(value, self.options.context) or ""
        if context.strip():
            question = f"{context}\n\n{question}"
        return Converted(exchange(question, required_text(value, self.options.answer)))
