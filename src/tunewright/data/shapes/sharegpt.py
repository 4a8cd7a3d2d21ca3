"""ShareGPT: turns with `from` and `value`; calls of tools and their results as LLaMA-Factory's sets write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tunewright.core.ports import Converted, Message, RowProblem
from tunewright.data.calls import from_json, to_tools
from tunewright.data.columns import PAIR, optional_text
from tunewright.data.rating import is_tagged
from tunewright.data.turns import check_order, to_turn
from tunewright.recipe.options.shapes.sharegpt import Options

CALL = "function_call"
ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "system": "system",
    "observation": "tool",
    "tool": "tool",
    "function_response": "tool",
}


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """The column of turns is there and holds a list of objects with `from`; no pair, and no yes or no about it."""
        turns = example.get(self.options.conversations)
        if columns >= PAIR or is_tagged(example):
            return False
        return isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict) and "from" in turns[0]

    def reads(self) -> dict[str, tuple[str, ...]]:
        """Columns by what they become."""
        options = self.options
        return {"messages": (options.conversations, options.system), "tools": (options.tools,)}

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The turns, and the tools that the row offers; no label. Raises RowProblem."""
        turns = value.get(self.options.conversations)
        if not isinstance(turns, list) or not turns:
            raise RowProblem("no_turns", f'"{self.options.conversations}" is not a list of turns')
        messages = tuple(to_message(turn, number) for number, turn in enumerate(cast("list[Any]", turns), start=1))
        system = optional_text(value, self.options.system)
        if system and system.strip():
            messages = with_system(messages, system)
        check_order(messages)
        return Converted(messages, tools=to_tools(value.get(self.options.tools)))


def with_system(messages: tuple[Message, ...], system: str) -> tuple[Message, ...]:
    """The turns after the system turn of the row's own column. Raises RowProblem when there is another one."""
    if messages[0].get("role") == "system":
        raise RowProblem("two_system_turns", "the row has a system column, and its first turn is a system turn")
    return ({"role": "system", "content": system}, *messages)


def to_message(turn: Any, number: int) -> Message:
    """One turn. Raises RowProblem."""
    if not isinstance(turn, dict):
        raise RowProblem("turn_not_an_object", f"turn {number} is a {type(turn).__name__}")
    given = cast("dict[str, Any]", turn)
    speaker, text = given.get("from"), given.get("value")
    more = {key: each for key, each in given.items() if key not in ("from", "value")}
    if speaker == CALL:
        return to_turn({**more, "role": "assistant", "tool_calls": calls_in(text, number)}, number)
    role = ROLES.get(speaker) if isinstance(speaker, str) else None
    if role is None:
        raise RowProblem("wrong_role", f"turn {number} is from {str(speaker)[:40]!r}")
    return to_turn({**more, "role": role, "content": text}, number)


def calls_in(text: Any, number: int) -> list[Any]:
    """Calls written as JSON text: one, or a list of them. Raises RowProblem."""
    if not isinstance(text, str):
        raise RowProblem("not_text", f"the call of turn {number} is a {type(text).__name__}")
    found = from_json(text, "wrong_tool_calls", what=f"the call of turn {number}")
    calls = cast("list[Any]", found) if isinstance(found, list) else [found]
    if not calls:
        raise RowProblem("wrong_tool_calls", f"turn {number} calls nothing")
    return calls
