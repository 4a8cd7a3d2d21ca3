"""Options of the step `near_duplicates`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Finds rows that say almost the same, in all splits; every pair is verified by exact Jaccard similarity."""

    type: Literal["near_duplicates"] = "near_duplicates"
    version: Literal[1] = 1
    threshold: float = option(
        0.7,
        "Least similarity of two near duplicates: shared shingles over all shingles.",
        why="0.7 to 0.8 is usual (Lee et al., 2022, arXiv 2107.06499); lower merges texts that differ in substance",
        ge=0.3,
        le=1,
    )
    ngram: int = option(
        3,
        "Words of a shingle.",
        why="3 suits rows of 10 to 500 words; 5 is usual for web pages and finds less in short rows",
        unit="words",
        ge=1,
        le=20,
    )
    part: Literal["all", "prompt", "answer"] = option(
        "all", "What is compared: all turns but the system's, those before the answer, or the answer.", why="all"
    )
    action: Literal["drop", "group"] = option(
        "drop",
        "drop: one row of several alike stays; group: all stay, on one side of the split.",
        why="a model learns nothing more from a copy, and a copy in the test measures memory",
    )
    keep: Literal["longest", "first"] = option(
        "longest",
        "Which row stays where none stands in a more protected split.",
        why="longest: what one row has and the other lacks is not lost",
    )
    frame_share: float = option(
        0.5,
        "Shingles that stand in more than this share of rows do not count; 1: all count.",
        why="a prompt around every text (`What is this? ...`) makes short texts alike; it is told when it happens",
        gt=0,
        le=1,
        unit="share",
    )
