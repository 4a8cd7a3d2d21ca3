"""OpenAI messages: a list of turns with `role` and `content`, calls of tools and their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Converted, RowProblem
from tunewright.data.calls import to_tools
from tunewright.data.columns import PAIR
from tunewright.data.rating import is_tagged
from tunewright.data.shapes.prompts import is_open
from tunewright.data.turns import check_order, to_turn
from tunewright.recipe.options.shapes.chat import Options


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """Turns are there as a list; no pair, no yes or no about the answer, and no question without one."""
        turns = example.get(self.options.messages)
        return isinstance(turns, list) and not columns >= PAIR and not is_tagged(example) and not is_open(turns)

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.messages,), "tools": (options.tools,)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The turns as they are, and the tools that the row offers; no label. Raises RowProblem."""
        turns = value.get(self.options.messages)
        if not isinstance(turns, list) or not turns:
            raise RowProblem("no_turns", f'"{self.options.messages}" is not a list of turns')
        messages = tuple(to_turn(turn, number) for number, turn in enumerate(turns, start=1))
        check_order(messages)
        return Converted(messages, tools=to_tools(value.get(self.options.tools)))
