"""Options of the step `contamination`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """Finds training rows that hold an example of an evaluation suite, or a validation or test row."""

    type: Literal["contamination"] = "contamination"
    version: Literal[1] = 1
    against: tuple[Literal["suites", "validation", "test"], ...] = option(
        ("suites", "validation", "test"),
        "What must not be learned: examples that the recipe's suites bring, validation rows, test rows.",
        why="a number measured on what was trained on says nothing",
        min_length=1,
    )
    ngram: int = option(
        13,
        "Words of a run; less for rows of fewer than four times as many.",
        why="as in Brown et al. (2020), appendix C, and in the suite contamination",
        unit="words",
        ge=3,
        le=50,
    )
    share: Share = option(
        0.7,
        "The least share of a measured row's words that makes a training row near it.",
        why="finds copies with two of twelve words changed; other rows of one form stay below it",
        unit="share of words",
        gt=0,
    )
    action: Literal["drop", "refuse", "mark"] = option(
        "drop",
        "drop: the training row goes; refuse: preparing ends; mark: the row stays, and its details say it.",
        why="the measured rows are fixed, training rows are many",
    )
    examples: int = option(
        10, "Pairs that the report of the step shows.", why="enough to judge by eye", unit="rows", ge=0, le=1000
    )
