"""Options of the step `review`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Carries out what people decided about rows with `tunewright review`: rejections, ratings and edited answers."""

    type: Literal["review"] = "review"
    version: Literal[1] = 1
    file: str = option(
        "review.jsonl",
        "The decisions, relative to the recipe; `tunewright review` writes them there.",
        why="beside the recipe: decisions are the user's work and belong under version control",
    )
    raters: int = option(
        1, "People who must have decided about a row before anything happens to it.", why="one is enough", ge=1, le=20
    )
    least_rating: float = option(
        3.0,
        "Rows whose average rating is lower are dropped; 1 keeps every rating.",
        why="3 is the first that the page calls usable",
        ge=1,
        le=5,
    )
    on_disagreement: Literal["keep", "drop", "first"] = option(
        "keep",
        "Where one accepts what another rejects, or two edits differ: keep the row as it is, drop it, or do what the "
        "first rater said.",
        why="keep: nothing happens to a row that people do not agree on",
    )
