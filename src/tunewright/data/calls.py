"""Calls of tools, their results and the tools on offer, as files hold them: checked, and in the form of templates."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, cast

from tunewright.core.ports import Message, RowProblem
from tunewright.data.strict import check_value, decoder

MAX_DEPTH = 32
"""Levels of nesting in arguments and schemas: more than any tool has, and little enough for every template."""
_JSON = decoder()


def to_calls(calls: Any, number: int) -> list[dict[str, Any]]:
    """Calls with their arguments as a mapping, whether these came as JSON text or not. Raises RowProblem."""
    if not isinstance(calls, list):
        raise RowProblem("wrong_tool_calls", f"tool_calls of turn {number} is a {type(calls).__name__}")
    return [to_call(call, number) for call in cast("list[Any]", calls)]


def to_call(call: Any, number: int) -> dict[str, Any]:
    """One call: OpenAI's form, or its `function` alone. Raises RowProblem."""
    function = _function(call)
    if function is None:
        raise RowProblem("wrong_tool_calls", f"a tool call of turn {number} names no function")
    kind, ident = call.get("type"), call.get("id")
    if kind not in (None, "function"):
        raise RowProblem("wrong_tool_calls", f"a tool call of turn {number} is of the type {str(kind)[:40]!r}")
    arguments = to_arguments(function.get("arguments"), number)
    found: dict[str, Any] = {"type": "function", "function": {"name": function["name"], "arguments": arguments}}
    if ident is None or ident == "":
        return found
    if not isinstance(ident, str):
        raise RowProblem("not_text", f"the id of a tool call of turn {number} is a {type(ident).__name__}")
    return {**found, "id": ident}


def to_arguments(arguments: Any, number: int) -> dict[str, Any]:
    """Arguments of a call as a mapping; OpenAI writes them as JSON text. Raises RowProblem."""
    if arguments is None or arguments == "":
        return {}
    if isinstance(arguments, str):
        arguments = from_json(arguments, "wrong_arguments", what=f"the text of arguments in turn {number}")
    if not isinstance(arguments, dict) or not is_json(cast("object", arguments)):
        raise RowProblem("wrong_arguments", f"the arguments of a call in turn {number} are no JSON object")
    return cast("dict[str, Any]", arguments)


def to_tools(tools: Any) -> tuple[dict[str, Any], ...]:
    """JSON schemas of tools in OpenAI's form, from a list or the JSON text of one. Raises RowProblem."""
    if isinstance(tools, str) and tools.strip():
        tools = from_json(tools, "wrong_tools", what="the text of the tools")
    if not tools or isinstance(tools, str):
        return ()
    if not isinstance(tools, list):
        raise RowProblem("wrong_tools", f"the tools of the row are a {type(tools).__name__}")
    return tuple(to_tool(tool, number) for number, tool in enumerate(cast("list[Any]", tools), start=1))


def to_tool(tool: Any, number: int) -> dict[str, Any]:
    """One tool; a schema that does not stand in `function` is put there. Raises RowProblem."""
    function = _function(tool)
    if function is None or not is_json(tool):
        raise RowProblem("wrong_tools", f"tool {number} of the row is no JSON schema with a name")
    parameters = function.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise RowProblem("wrong_tools", f"the parameters of tool {number} are a {type(parameters).__name__}")
    return tool if "function" in tool else {"type": "function", "function": tool}


def _function(value: Any) -> Mapping[str, Any] | None:
    """What stands under `function`, or the whole, where it has a name."""
    if not isinstance(value, dict):
        return None
    given = cast("dict[str, Any]", value)
    function = given.get("function", given)
    name = function.get("name") if isinstance(function, dict) else None
    return function if isinstance(name, str) and name.strip() else None


def from_json(text: str, reason: str, *, what: str) -> Any:
    """A value from JSON text; `what` names it in the RowProblem that is raised when it is none."""
    try:
        value = _JSON.decode(text)
        check_value(value)
    except (ValueError, RecursionError) as error:
        raise RowProblem(reason, f"{what} is not JSON: {error}") from error
    return value


def is_json(value: object, depth: int = 0) -> bool:
    """True for what JSON can hold: no NaN, no infinity, names that are text, and not nested without end."""
    if depth > MAX_DEPTH:
        return False
    if isinstance(value, dict):
        given = cast("dict[object, object]", value)
        return all(isinstance(name, str) and is_json(item, depth + 1) for name, item in given.items())
    if isinstance(value, list):
        return all(is_json(item, depth + 1) for item in cast("list[object]", value))
    return value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))


def check_calls(messages: tuple[Message, ...]) -> None:
    """Raise RowProblem for a result that answers no call, and for one that answers another than it says."""
    open_calls: list[str] | None = None
    for number, turn in enumerate(messages, start=1):
        if turn.get("role") == "tool":
            open_calls = answer(open_calls, turn.get("tool_call_id", ""), number=number)
        else:
            open_calls = call_ids(turn, number) if turn.get("tool_calls") else None


def call_ids(turn: Message, number: int) -> list[str]:
    """Ids of the calls of a turn, empty where a call has none. Raises RowProblem when two are equal."""
    found = [call.get("id", "") for call in turn.get("tool_calls", [])]
    named = [ident for ident in found if ident]
    if len(set(named)) < len(named):
        raise RowProblem("wrong_tool_calls", f"two calls of turn {number} have the same id")
    return found


def answer(open_calls: list[str] | None, ident: str, *, number: int) -> list[str]:
    """The calls that are open after a result: without an id it answers the first. Raises RowProblem."""
    if not open_calls:
        what = "no tool was called" if open_calls is None else "every call has its result already"
        raise RowProblem("result_without_call", f"turn {number} is a tool's result, and {what}")
    if ident in open_calls:
        open_calls.remove(ident)
        return open_calls
    if ident and "" not in open_calls:
        raise RowProblem("result_without_call", f"turn {number} answers a call that the turn before did not make")
    open_calls.remove("" if ident else open_calls[0])
    return open_calls
