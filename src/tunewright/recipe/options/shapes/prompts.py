"""Options of prompts without answers: for generation, distillation and reinforcement learning."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A prompt (a text, or turns that end with the user's), and beside it perhaps a right answer that is not shown."""

    type: Literal["prompts"] = "prompts"
    version: Literal[1] = 1
    prompt: str = option("prompt", "Column of the prompt: a text, or turns.", why="TRL's name")
    messages: str = option("messages", "Column of the turns, in place of the prompt.", why="the OpenAI format")
    reference: str = option(
        "reference",
        "Column of a right answer for rewards and metrics; kept beside the row, never read or written by the model.",
        why="the usual name; solution, ground_truth, target and answer are found without it",
    )
    system: str = option("system", "Column of the system turn; may be absent.", why="as in the other shapes")
    tools: str = option("tools", "Column of the tools' JSON schemas; may be absent.", why="as TRL's sets have it")
