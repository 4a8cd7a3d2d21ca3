"""Turns of a conversation as files hold them, checked one by one: roles, texts, calls of tools and their results."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from tunewright.core.ports import Message, RowProblem

ROLES = frozenset({"system", "user", "assistant", "tool"})
KEYS = {
    "system": frozenset({"role", "content", "weight"}),
    "user": frozenset({"role", "content", "name", "weight"}),
    "assistant": frozenset({"role", "content", "weight", "tool_calls", "reasoning_content", "name"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name", "weight"}),
}
ALIASES = {"developer": "system", "reasoning": "reasoning_content", "thinking": "reasoning_content"}


def to_turn(turn: Any, number: int) -> Message:
    """One turn. Raises RowProblem; a key that we do not know is one, because what it says would be lost."""
    if not isinstance(turn, dict):
        raise RowProblem("turn_not_an_object", f"turn {number} is a {type(turn).__name__}")
    turn = {ALIASES.get(key, key): value for key, value in turn.items()}
    role = turn.get("role")
    role = ALIASES.get(role, role) if isinstance(role, str) else role
    if not isinstance(role, str) or role not in ROLES:
        raise RowProblem("wrong_role", f"turn {number} has the role {str(role)[:40]!r}")
    unknown = [key for key in turn if key not in KEYS[role] and turn[key] not in (None, [], "")]
    if unknown:
        raise RowProblem("unknown_turn_key", f"turn {number} has {str(unknown[0])[:40]!r}")
    message: Message = {"role": role, "content": _content(turn, number)}
    for name in ("reasoning_content", "tool_call_id", "name"):
        if turn.get(name) not in (None, ""):
            message[name] = _text(turn[name], name, number)
    if turn.get("tool_calls"):
        message["tool_calls"] = to_calls(turn["tool_calls"], number)
    if turn.get("weight") is not None and to_weight(turn, number) != 1:
        message["weight"] = 0.0
    return message


def _content(turn: Mapping[str, Any], number: int) -> str:
    """The text; it may be missing where tools are called, and empty where a tool said nothing."""
    content = turn.get("content")
    if content is None and turn.get("tool_calls"):
        return ""
    if not isinstance(content, str):
        raise RowProblem("not_text", f"the content of turn {number} is a {type(content).__name__}")
    if not content.strip() and not turn.get("tool_calls") and turn.get("role") != "tool":
        raise RowProblem("empty_turn", f"turn {number} is empty")
    return content


def _text(value: Any, name: str, number: int) -> str:
    if not isinstance(value, str):
        raise RowProblem("not_text", f"{name} of turn {number} is a {type(value).__name__}")
    return value


def to_calls(calls: Any, number: int) -> list[dict[str, Any]]:
    """Calls in the form that templates know: arguments are a mapping, whether they came as JSON text or not."""
    if not isinstance(calls, list):
        raise RowProblem("wrong_tool_calls", f"tool_calls of turn {number} is a {type(calls).__name__}")
    return [_call(call, number) for call in cast("list[Any]", calls)]


def _call(call: Any, number: int) -> dict[str, Any]:
    if not isinstance(call, dict):
        raise RowProblem("wrong_tool_calls", f"a tool call of turn {number} is no object")
    given = cast("dict[str, Any]", call)
    function = given.get("function", given)
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name.strip():
        raise RowProblem("wrong_tool_calls", f"a tool call of turn {number} names no function")
    arguments = to_arguments(cast("dict[str, Any]", function).get("arguments"), number)
    found: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": arguments}}
    if given.get("id") is not None:
        found["id"] = _text(given["id"], "the id of a tool call", number)
    return found


def to_arguments(arguments: Any, number: int) -> dict[str, Any]:
    """Arguments of a call as a mapping. Raises RowProblem."""
    if arguments is None or arguments == "":
        return {}
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError) as error:
            raise RowProblem("wrong_arguments", f"the arguments of a call in turn {number} are not JSON") from error
    if not isinstance(arguments, dict):
        raise RowProblem("wrong_arguments", f"the arguments of a call in turn {number} are no object")
    return cast("dict[str, Any]", arguments)


def to_tools(tools: Any) -> tuple[dict[str, Any], ...]:
    """JSON schemas of tools: a list, or JSON text of one. Raises RowProblem."""
    if tools is None or tools in ("", []):
        return ()
    if isinstance(tools, str):
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError) as error:
            raise RowProblem("wrong_tools", "the tools of the row are not JSON") from error
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in cast("list[Any]", tools)):
        raise RowProblem("wrong_tools", "the tools of the row are not a list of objects")
    found = cast("list[dict[str, Any]]", tools)
    return tuple(tool if "function" in tool else {"type": "function", "function": tool} for tool in found)


def to_weight(turn: Mapping[str, Any], number: int) -> int:
    """The weight of an assistant turn, 0 or 1. Raises RowProblem."""
    weight = turn["weight"]
    if isinstance(weight, bool) or weight not in (0, 1) or turn["role"] != "assistant":
        raise RowProblem("wrong_weight", f"turn {number}: only an assistant turn has a weight, and it is 0 or 1")
    return int(weight)


def check_order(messages: tuple[Message, ...]) -> None:
    """Raise RowProblem unless: one system turn at most, first; then the user; results after calls; an answer last."""
    roles = [message.get("role") for message in messages]
    rest = roles[1:] if roles[0] == "system" else roles
    if "system" in rest:
        raise RowProblem("system_not_first", "a system turn may only stand first")
    if not rest or rest[0] != "user":
        raise RowProblem("no_user_first", "the first turn after the system turn must be the user's")
    if rest[-1] != "assistant":
        raise RowProblem("no_answer_last", "the last turn must be the assistant's")
    check_calls(messages)


def check_calls(messages: tuple[Message, ...]) -> None:
    """Raise RowProblem for a result that answers no call: ids must match where both sides have them."""
    open_ids: set[str] | None = None
    for number, turn in enumerate(messages, start=1):
        if turn.get("role") == "assistant":
            calls = turn.get("tool_calls")
            open_ids = {call["id"] for call in calls if "id" in call} if calls else None
        elif turn.get("role") == "tool":
            wanted = turn.get("tool_call_id")
            if open_ids is None:
                raise RowProblem("result_without_call", f"turn {number} is a tool's result, and no tool was called")
            if wanted is not None and open_ids and wanted not in open_ids:
                raise RowProblem(
                    "result_without_call", f"turn {number} answers a call that the turn before did not make"
                )
        else:
            open_ids = None
