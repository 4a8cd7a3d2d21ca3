"""Random conversations with tools and reasoning, from a seeded generator."""

from __future__ import annotations

import random
import string
from typing import Any

from tunewright.core.ports import Message
from tunewright.text.turns import Conversation

LETTERS = "abc xyz é😀中 \n\t.,'\"\\{}<>&%\u00a0"
NAMES = ("get_weather", "search", "add")
TYPES = ("string", "integer", "number", "array", "boolean")


def text(rng: random.Random) -> str:
    """Text that is not blank."""
    while True:
        found = "".join(rng.choice(LETTERS) for _ in range(rng.randint(1, 30)))
        if found.strip():
            return found


def value(rng: random.Random, depth: int = 2) -> Any:
    """A JSON value."""
    kinds: list[Any] = [lambda: text(rng), lambda: rng.randint(-99, 99), lambda: rng.random() * 1e-6, lambda: True]
    if depth:
        kinds += [
            lambda: [value(rng, depth - 1) for _ in range(rng.randint(0, 2))],
            lambda: {rng.choice(string.ascii_letters): value(rng, depth - 1) for _ in range(rng.randint(0, 2))},
        ]
    return rng.choice(kinds)()


def tool(name: str, rng: random.Random) -> dict[str, Any]:
    """The JSON schema of a tool, as OpenAI writes it."""
    fields = {word: {"type": rng.choice(TYPES), "description": text(rng)} for word in ("city", "unit", "size")}
    parameters = {"type": "object", "properties": fields, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": text(rng), "parameters": parameters}}


def call(rng: random.Random) -> dict[str, Any]:
    """A call of one of the tools."""
    arguments = {word: value(rng) for word in rng.sample(("city", "unit", "size"), rng.randint(0, 3))}
    ident = "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(9))
    return {"id": ident, "type": "function", "function": {"name": rng.choice(NAMES), "arguments": arguments}}


def calling(rng: random.Random) -> list[Message]:
    """A turn that calls one tool, or several at once, and the results."""
    calls = [call(rng) for _ in range(rng.choice((1, 1, 2)))]
    results: list[Message] = [
        {"role": "tool", "content": text(rng), "tool_call_id": each["id"], "name": each["function"]["name"]}
        for each in calls
    ]
    return [{"role": "assistant", "content": rng.choice(("", text(rng))), "tool_calls": calls}, *results]


def talk(rng: random.Random, *, tools: bool, reasoning: bool) -> Conversation:
    """A system turn or not; one to three questions; answers, with calls and reasoning where asked for."""
    turns: list[Message] = [{"role": "system", "content": text(rng)}] if rng.random() < 0.4 else []
    for _ in range(rng.randint(1, 3)):
        turns.append({"role": "user", "content": text(rng)})
        for _ in range(rng.choice((0, 1, 2)) if tools else 0):
            turns += calling(rng)
        turns.append({"role": "assistant", "content": text(rng)})
    if tools and rng.random() < 0.2:  # the answer is a call
        turns += [{"role": "user", "content": text(rng)}, calling(rng)[0]]
    for turn in turns:
        if reasoning and turn.get("role") == "assistant" and rng.random() < 0.5:
            turn["reasoning_content"] = text(rng)
    return Conversation(tuple(turns), tuple(tool(name, rng) for name in NAMES) if tools else ())
