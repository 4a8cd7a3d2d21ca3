"""OpenAI messages: a list of turns with `role` and `content`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Message, RowProblem
from tunewright.recipe.options.shapes.chat import Options

ROLES = frozenset({"system", "user", "assistant"})
KEYS = frozenset({"role", "content", "weight"})


class Work:
    """Fulfils the port Shape."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def fits(self, columns: frozenset[str], example: Mapping[str, Any]) -> bool:
        """The column of turns is there and holds a list."""
        return self.options.messages in columns and isinstance(example.get(self.options.messages), list)

    def convert(self, value: Mapping[str, Any]) -> tuple[tuple[Message, ...], str | None]:
        """The turns as they are; no label. Raises RowProblem."""
        turns = value.get(self.options.messages)
        if not isinstance(turns, list) or not turns:
            raise RowProblem("no_turns", f'"{self.options.messages}" is not a list of turns')
        if value.get("tools"):
            raise RowProblem("tools_in_row", "tool definitions are not supported, and leaving them out changes the row")
        messages = tuple(to_turn(turn, number) for number, turn in enumerate(turns, start=1))
        check_order(messages)
        return messages, None


def to_turn(turn: Any, number: int) -> Message:
    """One turn. Raises RowProblem; a key that we do not know is one, because what it says would be lost."""
    if not isinstance(turn, dict):
        raise RowProblem("turn_not_an_object", f"turn {number} is a {type(turn).__name__}")
    role, content = turn.get("role"), turn.get("content")
    if not isinstance(role, str) or role not in ROLES:
        raise RowProblem("wrong_role", f"turn {number} has the role {str(role)[:40]!r}")
    unknown = [key for key in turn if key not in KEYS and turn[key] not in (None, [], "")]
    if unknown:
        raise RowProblem("unknown_turn_key", f"turn {number} has {str(unknown[0])[:40]!r}")
    if not isinstance(content, str):
        raise RowProblem("not_text", f"the content of turn {number} is a {type(content).__name__}")
    if not content.strip():
        raise RowProblem("empty_turn", f"turn {number} is empty")
    message: Message = {"role": role, "content": content}
    if turn.get("weight") is not None and to_weight(turn, number) != 1:
        message["weight"] = 0.0
    return message


def to_weight(turn: dict[str, Any], number: int) -> int:
    """The weight of an assistant turn, 0 or 1. Raises RowProblem."""
    weight = turn["weight"]
    if isinstance(weight, bool) or weight not in (0, 1) or turn["role"] != "assistant":
        raise RowProblem("wrong_weight", f"turn {number}: only an assistant turn has a weight, and it is 0 or 1")
    return int(weight)


def check_order(messages: tuple[Message, ...]) -> None:
    """Raise RowProblem unless: at most one system turn, first; then a user turn; an assistant turn last."""
    roles = [message.get("role") for message in messages]
    rest = roles[1:] if roles[0] == "system" else roles
    if "system" in rest:
        raise RowProblem("system_not_first", "a system turn may only stand first")
    if not rest or rest[0] != "user":
        raise RowProblem("no_user_first", "the first turn after the system turn must be the user's")
    if rest[-1] != "assistant":
        raise RowProblem("no_answer_last", "the last turn must be the assistant's")
