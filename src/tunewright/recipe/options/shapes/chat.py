"""Options of the chat shape: OpenAI messages."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A list of turns, each with `role` and `content`; an assistant turn may have `weight` 0 or 1."""

    type: Literal["chat"] = "chat"
    version: Literal[1] = 1
    messages: str = option("messages", "Column of the turns.", why="the OpenAI format")
    tools: str = option("tools", "Column of the tools' JSON schemas; may be absent.", why="the OpenAI format")
