"""Options of the step `balance`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Makes labels, or values of a kept column, count alike among the training rows."""

    type: Literal["balance"] = "balance"
    version: Literal[1] = 1
    by: str = option(
        "label",
        "What is balanced: `label`, `source`, or a column that data.keep keeps; rows without a value stay as they are.",
        why="label: a model that sees one label most guesses it most",
        min_length=1,
    )
    how: Literal["undersample", "oversample", "weight"] = option(
        "undersample",
        "undersample: leave rows of the larger groups out; oversample: repeat rows of the smaller ones; weight: "
        "multiply the loss of each row by rows / (groups x rows of its group).",
        why="undersample: no example is seen twice; oversample or weight where rows are few",
    )
    rows: int | None = option(
        None,
        "Rows of a group: at most so many (undersample), or at least (oversample).",
        why="none: as many as the smallest group has, or the largest",
        unit="rows",
        ge=1,
    )
    max_repeats: int = option(
        10,
        "Oversample: a row stands at most so often.",
        why="ten: what is seen more often is learnt by heart",
        unit="times",
        ge=1,
        le=1000,
    )
    seed: int = option(0, "Seed of the draw.", why="fixed, so that the same rows are drawn again", ge=0)
