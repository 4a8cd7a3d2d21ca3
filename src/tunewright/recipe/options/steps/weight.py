"""Options of the step `weight`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from tunewright.recipe.fields import Part, option

Weight = Annotated[float, Field(ge=0, le=1e6)]


class Options(Part):
    """Multiplies the loss of training rows: by a number in a column, and by where they come from."""

    type: Literal["weight"] = "weight"
    version: Literal[1] = 1
    column: str | None = option(
        None,
        "A column with a weight for each row; data.keep must keep it.",
        why="none: rows count alike",
        min_length=1,
    )
    missing: Weight = option(
        1.0, "Weight of a row whose column is empty or absent.", why="1: as if no weight had been given"
    )
    sources: dict[str, Weight] = option(
        {},
        "Weights by file: a pattern such as `reviews/*.jsonl`, and its weight; the first pattern that fits counts.",
        why="none: files count alike",
    )
    unreadable: Literal["refuse", "drop"] = option(
        "refuse",
        "What happens when a column holds no number from 0 to 1,000,000: stop and say where, or leave the row out.",
        why="refuse: a weight that cannot be read was meant to say something",
    )
