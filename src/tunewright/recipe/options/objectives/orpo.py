"""Options of odds-ratio preference optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Preference pairs without a reference: fine-tuning on the winner, and its odds over the loser's, at once."""

    type: Literal["orpo"] = "orpo"
    version: Literal[1] = 1
    rows: ClassVar[Literal["pairs"]] = "pairs"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    beta: float = option(
        0.1,
        "Weight of the odds ratio (lambda in the paper).",
        why="0.1: what Hong et al., 2024 (arXiv 2403.07691) use for their 7B models",
        gt=0,
    )
