"""Options of the scorer schema_valid."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Whether answers fulfil the JSON schema of their row."""

    type: Literal["schema_valid"] = "schema_valid"
    version: Literal[1] = 1
    around: Literal["nothing", "code_fence"] = option(
        "nothing",
        "What may stand around the JSON: nothing but white space, or the marks of a code block.",
        why="a program that reads the answer fails on anything else",
    )
