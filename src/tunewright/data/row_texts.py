"""Every text of a row that a model may read or write, and what is kept beside it, through one function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

from tunewright.core.ports import Details, Message, Row

Change = Callable[[str, str], Any]
"""A text, and the name that it stands under (of an argument or a column; empty for a turn): what is written instead."""
LISTS = ("references", "choices")


def rewritten(row: Row, change: Change) -> Row:
    """The row with every text changed: turns, thoughts, arguments of calls, what lost, label, columns, references.

    A label that is the answer changes with it. Tools' schemas stay. Log-probabilities of an answer that changed go.
    """
    messages = tuple(turn_rewritten(turn, change) for turn in row.messages)
    rejected = tuple(turn_rewritten(turn, change) for turn in row.rejected)
    label = change(row.label, "") if row.label is not None else None
    details = details_rewritten(row.details, change)
    if messages[-1] != row.messages[-1] and "log_probabilities" in details:
        details = cast("Details", {name: value for name, value in details.items() if name != "log_probabilities"})
    return replace(row, messages=messages, rejected=rejected, label=label, details=details)


def turn_rewritten(turn: Message, change: Change) -> Message:
    """A turn with its texts and the arguments of its calls changed."""
    found: dict[str, Any] = dict(turn)
    for name in ("content", "reasoning_content"):
        if found.get(name):
            found[name] = change(found[name], "")
    if turn.get("tool_calls"):
        found["tool_calls"] = [call_rewritten(call, change) for call in turn.get("tool_calls", [])]
    return cast("Message", found)


def call_rewritten(call: dict[str, Any], change: Change) -> dict[str, Any]:
    """A call with its arguments changed."""
    function = call.get("function")
    if not isinstance(function, dict) or "arguments" not in function:
        return call
    return {**call, "function": {**function, "arguments": value_rewritten(function["arguments"], "", change=change)}}


def value_rewritten(value: Any, name: str, *, change: Change) -> Any:
    """A JSON value with its texts changed; a number that has something to hide becomes text."""
    if isinstance(value, dict):
        return {key: value_rewritten(item, str(key), change=change) for key, item in value.items()}
    if isinstance(value, list):
        return [value_rewritten(item, name, change=change) for item in value]
    if isinstance(value, str):
        return change(value, name)
    if isinstance(value, int) and not isinstance(value, bool):
        found = change(str(value), name)
        return value if found == str(value) else found
    return value


def details_rewritten(details: Details, change: Change) -> Details:
    """Columns, references, choices and the context changed."""
    found: dict[str, Any] = dict(details)
    if "columns" in found:
        found["columns"] = {name: change(text, name) for name, text in found["columns"].items()}
    for name in LISTS:
        if name in found:
            found[name] = [change(text, "") for text in found[name]]
    if "context" in found:
        found["context"] = change(found["context"], "")
    return cast("Details", found)
