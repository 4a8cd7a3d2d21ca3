"""Options of the preference shape: a prompt, the answer that won, and the one that lost."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A prompt (a text or turns), and two answers (each a text, a turn or turns) of which one is preferred."""

    type: Literal["preference"] = "preference"
    version: Literal[1] = 1
    prompt: str = option("prompt", "Column of the prompt; absent where both sides begin with it.", why="TRL's name")
    chosen: str = option("chosen", "Column of the answer that won.", why="TRL's name")
    rejected: str = option("rejected", "Column of the answer that lost.", why="TRL's name")
    conversations: str = option(
        "conversations", "Column of the prompt as turns with `from` and `value`.", why="as LLaMA-Factory's sets have it"
    )
    system: str = option("system", "Column of the system turn; may be absent.", why="as LLaMA-Factory's sets have it")
    tools: str = option("tools", "Column of the tools' JSON schemas; may be absent.", why="as TRL's sets have it")
