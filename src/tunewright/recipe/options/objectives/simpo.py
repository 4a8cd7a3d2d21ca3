"""Options of simple preference optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Preference pairs without a reference: mean log-probabilities a token, and a margin."""

    type: Literal["simpo"] = "simpo"
    version: Literal[1] = 1
    rows: ClassVar[Literal["pairs"]] = "pairs"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    beta: float = option(
        2.0,
        "Scale of the mean log-probabilities.",
        why="2: what most of the settings in Meng et al., 2024 (arXiv 2405.14734) use",
        gt=0,
    )
    gamma: float = option(
        1.0, "The margin wanted.", why="half of beta, in the middle of the range that the paper searches", ge=0
    )
