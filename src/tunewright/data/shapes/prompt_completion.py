"""A prompt and its completion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Converted
from tunewright.data.columns import exchange, required_text
from tunewright.data.rating import is_rated
from tunewright.recipe.options.shapes.prompt_completion import Options


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Both columns are there, and no rating of the answer."""
        return {self.options.prompt, self.options.completion} <= columns and not is_rated(example)

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.prompt, options.completion)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The prompt as the user's turn, the completion as the answer. Raises RowProblem."""
        question = required_text(value, self.options.prompt)
        return Converted(exchange(question, required_text(value, self.options.completion)))
