"""Options of the scorer off_topic."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """The share of answers without a word of their question."""

    type: Literal["off_topic"] = "off_topic"
    version: Literal[1] = 1
    least_words: int = option(
        5,
        "Content words that an answer must have; shorter ones are left out.",
        why="a label or a number is on topic without a word of its question",
        ge=1,
    )
