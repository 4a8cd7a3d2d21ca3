"""What a turn says besides its text, and whether a template wrote all of it: calls of tools, results, reasoning."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from tunewright.core.ports import Message, RowProblem
from tunewright.text.template import to_json

_MARKS = re.compile(r"</?think>")
"""Marks of reasoning inside a turn's text, which templates take apart (Qwen 3, DeepSeek R1)."""


class Conversation(NamedTuple):
    """What a template writes: turns, and the JSON schemas of tools on offer."""

    messages: Sequence[Message]
    tools: Sequence[Mapping[str, Any]] = ()


def leaves(value: object) -> Iterator[str]:
    """Names and texts in a JSON value, numbers as JSON writes them; `true`, `false` and `null` have no one form."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, item in cast("Mapping[str, object]", value).items():
            yield name
            yield from leaves(item)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[object]", value):
            yield from leaves(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield json.dumps(value)


def call_texts(turn: Message) -> list[str]:
    """Names of the functions that a turn calls, and every name, text and number among their arguments."""
    found: list[str] = []
    for call in turn.get("tool_calls", ()):
        function = call["function"]
        found += [function["name"], *leaves(function["arguments"])]
    return found


def texts(turn: Message) -> list[str]:
    """Every text of a turn that a template may write."""
    found = [turn.get("content", "")]
    if len(turn) > 2:  # more than a role and a content
        found += [turn.get("reasoning_content", ""), turn.get("name", ""), turn.get("tool_call_id", "")]
        found += [text for call in turn.get("tool_calls", ()) for text in leaves(call)]
    return found


def check_nothing_lost(text: str, talk: Conversation) -> None:
    """Raise RowProblem when something of a conversation is not in the rendered text, but for white space around it.

    Looked for are the tools on offer, the texts of all turns, and names and arguments of calls. Of reasoning,
    that of the last turn alone, because many templates leave out earlier ones on purpose.
    """
    for number, tool in enumerate(talk.tools, start=1):
        if not all(written(piece, text) for piece in tool_texts(tool)):
            raise RowProblem("template_drops_tools", f"tool {number} of the row is not in what the template wrote")
    last = len(talk.messages) - 1
    for index, turn in enumerate(talk.messages):
        if index == last:
            check_turn_kept(text, turn, index=index)
            continue
        said = turn.get("content", "")
        if turn.get("role") == "assistant":
            said = _MARKS.split(said)[-1]
        check_written([said], text, what="text", index=index)
        check_written(call_texts(turn), text, what="call of a tool", index=index)


def check_turn_kept(text: str, turn: Message, *, index: int) -> None:
    """Raise RowProblem unless an answer is in the text with its reasoning and its calls."""
    said = turn.get("content", "")
    parts = _MARKS.split(said) if turn.get("role") == "assistant" else [said]
    check_written(parts, text, what="text", index=index)
    check_written(call_texts(turn), text, what="call of a tool", index=index)
    check_written([turn.get("reasoning_content", "")], text, what="reasoning", index=index)


def check_written(pieces: Sequence[str], text: str, *, what: str, index: int) -> None:
    """Raise RowProblem for a piece that is not in the text."""
    if not all(written(piece, text) for piece in pieces):
        raise RowProblem("template_drops_text", f"the {what} of turn {index + 1} is not in what the template wrote")


def written(piece: str, text: str) -> bool:
    """Is a piece in the text: as it is, or as JSON or Python escape it?"""
    piece = piece.strip()
    return piece in text or any(form[1:-1] in text for form in (to_json(piece), json.dumps(piece), repr(piece)))


def tool_texts(tool: Mapping[str, Any]) -> list[str]:
    """Name and description of a tool on offer, and the names of its parameters."""
    function = part(tool, "function") or tool
    properties = part(part(function, "parameters"), "properties")
    return [text for text in (function.get("name"), function.get("description"), *properties) if isinstance(text, str)]


def part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside an object; an empty one when there is none."""
    found = value.get(name)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}
