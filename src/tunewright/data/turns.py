"""Turns of a conversation as files hold them, checked one by one: roles, texts, weights, and their order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from tunewright.core.ports import Message, RowProblem
from tunewright.data.calls import check_calls, to_calls

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
"""Roles in files and ours; `developer` is OpenAI's newer name for the system."""
REASONING = ("reasoning_content", "reasoning", "thinking")
"""Names of an answer's reasoning; Transformers' chat templates know the first, and take the others for it."""
COMMON = frozenset({"role", "content", "name", "weight"})
KEYS = {
    "system": COMMON,
    "user": COMMON,
    "assistant": COMMON | {"tool_calls", *REASONING},
    "tool": COMMON | {"tool_call_id"},
}


def to_turn(turn: Any, number: int) -> Message:
    """One turn. Raises RowProblem; a key that we do not know is one, because what it says would be lost."""
    if not isinstance(turn, dict):
        raise RowProblem("turn_not_an_object", f"turn {number} is a {type(turn).__name__}")
    given = cast("dict[str, Any]", turn)
    name = given.get("role")
    role = ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise RowProblem("wrong_role", f"turn {number} has the role {str(name)[:40]!r}")
    unknown = [key for key in given if key not in KEYS[role] and given[key] not in (None, [], "")]
    if unknown:
        raise RowProblem("unknown_turn_key", f"turn {number} has {str(unknown[0])[:40]!r}")
    message: Message = {"role": role, "content": content_of(given, number)}
    if reasoning := reasoning_of(given, number):
        message["reasoning_content"] = reasoning
    if given.get("tool_calls"):
        message["tool_calls"] = to_calls(given["tool_calls"], number)
    if ident := text_of(given, "tool_call_id", number=number):
        message["tool_call_id"] = ident
    if speaker := text_of(given, "name", number=number):
        message["name"] = speaker
    if given.get("weight") is not None and to_weight(given, number) != 1:
        message["weight"] = 0.0
    return message


def content_of(turn: Mapping[str, Any], number: int) -> str:
    """The text; it may be missing where tools are called, and empty where a tool said nothing."""
    content = turn.get("content")
    if content is None and turn.get("tool_calls"):
        return ""
    if not isinstance(content, str):
        raise RowProblem("not_text", f"the content of turn {number} is a {type(content).__name__}")
    if not content.strip() and not turn.get("tool_calls") and turn.get("role") != "tool":
        raise RowProblem("empty_turn", f"turn {number} is empty")
    return content


def text_of(turn: Mapping[str, Any], name: str, *, number: int) -> str:
    """The text under a name, empty when there is none. Raises RowProblem when it is no text."""
    value = turn.get(name)
    if value is not None and not isinstance(value, str):
        raise RowProblem("not_text", f"{name} of turn {number} is a {type(value).__name__}")
    return value or ""


def reasoning_of(turn: Mapping[str, Any], number: int) -> str:
    """An answer's reasoning. Raises RowProblem when two names of it say different things."""
    found = {text for name in REASONING if (text := text_of(turn, name, number=number)).strip()}
    if len(found) > 1:
        raise RowProblem("two_reasonings", f"turn {number} has several texts of reasoning")
    return found.pop() if found else ""


def to_weight(turn: Mapping[str, Any], number: int) -> int:
    """The weight of an assistant turn, 0 or 1. Raises RowProblem."""
    weight = turn["weight"]
    if isinstance(weight, bool) or weight not in (0, 1) or turn["role"] != "assistant":
        raise RowProblem("wrong_weight", f"turn {number}: only an assistant turn has a weight, and it is 0 or 1")
    return int(weight)


def check_order(messages: tuple[Message, ...]) -> None:
    """Raise RowProblem unless: one system turn at most, first; then the user; results after calls; an answer last."""
    check_begin(messages)
    if messages[-1].get("role") != "assistant":
        raise RowProblem("no_answer_last", "the last turn must be the assistant's")
    check_calls(messages)


def check_prompt(messages: tuple[Message, ...]) -> None:
    """The same for turns that end where the assistant is to answer: with the user's, or with a tool's result."""
    check_begin(messages)
    if messages[-1].get("role") not in ("user", "tool"):
        raise RowProblem("answer_last", "the last turn of a prompt must be the user's, or a tool's result")
    check_calls(messages)


def check_begin(messages: tuple[Message, ...]) -> None:
    """Raise RowProblem unless there is one system turn at most, the first, and the user's comes next."""
    roles = [message.get("role") for message in messages]
    rest = roles[1:] if roles[0] == "system" else roles
    if "system" in rest:
        raise RowProblem("system_not_first", "a system turn may only stand first")
    if not rest or rest[0] != "user":
        raise RowProblem("no_user_first", "the first turn after the system turn must be the user's")
