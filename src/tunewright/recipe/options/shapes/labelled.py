"""Options of labelled text: classification."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A text and its label; the label is the answer."""

    type: Literal["labelled"] = "labelled"
    version: Literal[1] = 1
    text: str = option("text", "Column of the text.", why="the usual name")
    label: str = option("label", "Column of the label.", why="the usual name")
    prompt: str = option(
        "{text}",
        "The user turn; `{text}` is where the text goes.",
        why="the text alone: a tuned model needs no instruction",
    )
