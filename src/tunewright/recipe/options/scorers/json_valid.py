"""Options of the scorer json_valid."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Whether answers are JSON."""

    type: Literal["json_valid"] = "json_valid"
    version: Literal[1] = 1
    around: Literal["nothing", "code_fence"] = option(
        "nothing",
        "What may stand around the JSON: nothing but white space, or the marks of a code block.",
        why="a program that reads the answer fails on anything else",
    )
