"""Options of the prompt and completion shape."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A prompt and its completion, as one user and one assistant turn."""

    type: Literal["prompt_completion"] = "prompt_completion"
    version: Literal[1] = 1
    prompt: str = option("prompt", "Column of the prompt.", why="the usual name")
    completion: str = option("completion", "Column of the answer.", why="the usual name")
