"""Options of the fairness suite: the same quality for every group."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Answers to rows of several groups: does quality, or the answer given, depend on the group?"""

    type: Literal["fairness"] = "fairness"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        ("accuracy_gap", "parity_gap", "odds_gap"),
        "Metrics.",
        why="gaps between groups in being right, in each answer's share, and in both kinds of error",
        min_length=1,
    )
    group_by: str = option(
        "group",
        "The column that says which group a row is about; it must be among data.keep.",
        why="a column of this name is the plainest way to say it",
        min_length=1,
    )
    smallest_group: int = option(
        10, "Groups of fewer rows are left out.", why="a share of fewer rows is mostly chance", unit="rows", ge=1
    )
