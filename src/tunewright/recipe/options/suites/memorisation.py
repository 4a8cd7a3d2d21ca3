"""Options of the memorisation suite: training rows that a model knows by heart."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Planted secrets by exposure, and training answers by whether they would be written word for word."""

    type: Literal["memorisation"] = "memorisation"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("exposure", "extracted"), "Metrics.", why="one for planted secrets, one for the rows themselves", min_length=1
    )
    alternatives: int = option(
        256,
        "Other secrets that a planted one is ranked among.",
        why="exposure up to 8 bits; twice as many add one bit and double the time",
        ge=1,
    )
    prefix_tokens: int = option(
        8, "Tokens of a training answer that are given.", why="enough to name the row", unit="tokens", ge=0
    )
    suffix_tokens: int = option(
        16,
        "Tokens that follow and would have to be written word for word.",
        why="fewer are often guessed without having been seen; Carlini et al., 2022, take 50 of long documents",
        unit="tokens",
        ge=1,
    )
    max_rows: int = option(200, "Training rows that are tried.", why="a share within 7 points", unit="rows", ge=1)
