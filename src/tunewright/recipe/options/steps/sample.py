"""Options of the step `sample`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, ShareOrCount, option


class Options(Part):
    """Keeps a random part of the rows; which ones depends on the seed and on the rows, not on their order."""

    type: Literal["sample"] = "sample"
    version: Literal[1] = 1
    rows: ShareOrCount = option(
        1.0, "Rows that stay: a share, or a number.", why="all: how many is what you name", unit="share or rows"
    )
    stratify: str | None = option(
        None,
        "Keep the shares of its values equal: `label`, `source`, or a column that data.keep keeps.",
        why="none: a plain draw is right on average",
        min_length=1,
    )
    of: Literal["training_rows", "before_split"] = option(
        "training_rows",
        "training_rows: validation and test stay whole; before_split: the draw is made before rows are divided, and in "
        "each split that has a file of its own.",
        why="training_rows: what is measured stays as sure as it can be; before_split for a quick trial",
    )
    seed: int = option(0, "Seed of the draw.", why="fixed, so that the same rows are drawn again", ge=0)
