"""Options of the step `select`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, ShareOrCount, option


class Options(Part):
    """Keeps the training rows that teach most for a budget: those least alike, or the hardest or easiest."""

    type: Literal["select"] = "select"
    version: Literal[1] = 1
    by: Literal["diverse", "hard", "easy"] = option(
        "diverse",
        "diverse: each next row is the one least like those chosen (k-centre greedy); hard, easy: by the base model's "
        "loss on the answer.",
        why="diverse: needs no model, and leaves no kind of row out",
    )
    rows: ShareOrCount = option(
        1.0, "Rows that stay, at most: a share, or a number.", why="all: the budget is what you name", unit="rows"
    )
    tokens: int | None = option(
        None,
        "Tokens that stay, at most; a row that no longer fits is passed over for the next one that does.",
        why="none: rows are the budget",
        unit="tokens",
        ge=1,
    )
    text: Literal["all", "prompt", "answer"] = option(
        "all", "diverse: which turns are compared; system turns never are.", why="all: rows differ in either"
    )
    seed: int = option(
        0,
        "diverse: seed of the first row, and of the choice among equals.",
        why="fixed, so that it is repeatable",
        ge=0,
    )
