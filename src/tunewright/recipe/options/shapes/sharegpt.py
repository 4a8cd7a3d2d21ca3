"""Options of the ShareGPT shape: turns with `from` and `value`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A list of turns, each with `from` (human, gpt, system, function_call, observation) and `value`."""

    type: Literal["sharegpt"] = "sharegpt"
    version: Literal[1] = 1
    conversations: str = option("conversations", "Column of the turns.", why="ShareGPT's export")
    system: str = option("system", "Column of the system turn; may be absent.", why="as LLaMA-Factory's sets have it")
    tools: str = option(
        "tools", "Column of the tools' JSON schemas; may be absent.", why="as LLaMA-Factory's sets have it"
    )
