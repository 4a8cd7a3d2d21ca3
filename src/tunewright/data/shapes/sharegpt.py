"""ShareGPT: turns with `from` and `value`; calls of tools and their results as LLaMA-Factory's sets write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from tunewright.core.ports import Converted, Message, RowProblem
from tunewright.data.columns import optional_text
from tunewright.data.turns import check_order, to_calls, to_tools, to_turn
from tunewright.recipe.options.shapes.sharegpt import Options

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "chatgpt": "assistant",
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
        """The column of turns is there and holds a list of objects with `from`."""
        turns = example.get(self.options.conversations)
        return isinstance(turns, list) and bool(turns) and isinstance(turns[0], dict) and "from" in turns[0]

    def convert(self, value: Mapping[str, Any]) -> Converted:
        """The turns, and the tools that the row offers; no label. Raises RowProblem."""
        turns = value.get(self.options.conversations)
        if not isinstance(turns, list) or not turns:
            raise RowProblem("no_turns", f'"{self.options.conversations}" is not a list of turns')
        messages = tuple(to_message(turn, number) for number, turn in enumerate(cast("list[Any]", turns), start=1))
        system = optional_text(value, self.options.system)
        if system and messages[0].get("role") != "system":
            messages = ({"role": "system", "content": system}, *messages)
        check_order(messages)
        return Converted(messages, tools=to_tools(value.get(self.options.tools)))


def to_message(turn: Any, number: int) -> Message:
    """One turn. Raises RowProblem."""
    if not isinstance(turn, dict):
        raise RowProblem("turn_not_an_object", f"turn {number} is a {type(turn).__name__}")
    given = cast("dict[str, Any]", turn)
    speaker, text = given.get("from"), given.get("value")
    if speaker == "function_call":
        return {"role": "assistant", "content": "", "tool_calls": to_calls(_parsed(text, number), number)}
    if not isinstance(speaker, str) or speaker not in ROLES:
        raise RowProblem("wrong_role", f"turn {number} is from {str(speaker)[:40]!r}")
    more = {key: each for key, each in given.items() if key not in ("from", "value")}
    return to_turn({"role": ROLES[speaker], "content": text, **more}, number)


def _parsed(text: Any, number: int) -> list[Any]:
    """Calls written as JSON text: one, or a list of them."""
    if not isinstance(text, str):
        raise RowProblem("not_text", f"the call of turn {number} is a {type(text).__name__}")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RowProblem("wrong_tool_calls", f"the call of turn {number} is not JSON") from error
    return cast("list[Any]", found) if isinstance(found, list) else [found]
