"""A text and its label: classification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import Converted, RowProblem
from tunewright.data.columns import exchange, required_text
from tunewright.recipe.options.shapes.labelled import Options

PLACE = "{text}"


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        """Raises UserError when the prompt has no place for the text."""
        if PLACE not in options.prompt:
            raise UserError(
                "the prompt has no place for the text.", where="data.shape.prompt", do=f"Write {PLACE} where it goes."
            )
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Text and label are there."""
        return {self.options.text, self.options.label} <= columns

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.text, options.label), "label": (options.label,)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The prompt with the text in its place; the label is the answer. Raises RowProblem."""
        question = self.options.prompt.replace(PLACE, required_text(value, self.options.text))
        label = to_label(value, self.options.label)
        return Converted(exchange(question, label), label)


def to_label(value: Mapping[str, Any], column: str) -> str:
    """A label as text, true and false as JSON writes them. RowProblem unless text, whole number, true, false."""
    label = value.get(column)
    if isinstance(label, bool):
        return "true" if label else "false"
    if isinstance(label, int):
        return str(label)
    if label is not None and not isinstance(label, str):
        raise RowProblem("wrong_label", f'"{column}" is a {type(label).__name__}')
    return required_text(value, column)
