"""Options of a reward model."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Preference pairs: a head that scores answers, the winner's higher."""

    type: Literal["reward"] = "reward"
    version: Literal[1] = 1
    rows: ClassVar[Literal["pairs"]] = "pairs"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    margin: float = option(
        1.0,
        "What margins of pairs, where rows have them, are multiplied by.",
        why="1: as rated; scores of annotators in other units need another",
        ge=0,
    )
    centre: float = option(
        0.0,
        "Weight of (r(w) + r(l)) squared, which keeps rewards near zero.",
        why="0: rewards mean only differences; 0.01 where their sign shall mean something",
        ge=0,
    )
