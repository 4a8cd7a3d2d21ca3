"""Options of the step `bias_scan`."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Options as Block
from tunewright.recipe.fields import Part, option

Attribute = Literal["gender", "religion", "ethnicity", "age", "disability", "nationality"]
EVERY = ("gender", "religion", "ethnicity", "age", "disability", "nationality")


class CounterfactualOptions(Block):
    """For each row about people of one gender a second one about the other."""

    attribute: Literal["gender"] = option(
        "gender", "What is swapped.", why="in English only gender can be swapped word by word"
    )
    names: bool = option(True, "Also swap first names, by a list of 67 pairs.", why="else Mary is he")
    careful: bool = option(
        True,
        "Leave out rows with a full name, which may be a real person's, and rows about one body, such as pregnancy.",
        why="their counterpart would be false",
    )


class Options(Part):
    """Counts who is spoken of in the training rows, how, and with which professions; on wish, evens that out."""

    type: Literal["bias_scan"] = "bias_scan"
    version: Literal[1] = 1
    attributes: tuple[Attribute, ...] = option(
        EVERY, "Attributes whose groups are counted.", why="the six of most test sets for bias", min_length=1
    )
    counterfactual: CounterfactualOptions | None = option(
        None, "Make rows with swapped genders.", why="off: it doubles the rows about people"
    )
    reweight: Attribute | None = option(
        None,
        "Weigh rows that mention one group of this attribute, so that its groups count the same in the loss.",
        why="off: who is spoken of may be what the rows are about",
    )
    most_weight: float = option(
        5.0, "Largest factor of a row's weight; the least is one over it.", why="one row must not count as twenty", ge=1
    )
    professions: int = option(
        30, "Professions in the report, the most frequent first.", why="a page", unit="professions", ge=0, le=1000
    )
