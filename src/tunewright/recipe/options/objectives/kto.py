"""Options of Kahneman-Tversky optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Single answers, each good or bad: no pairs are needed, and the two may be of unequal number."""

    type: Literal["kto"] = "kto"
    version: Literal[1] = 1
    rows: ClassVar[Literal["rated"]] = "rated"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    beta: float = option(
        0.1,
        "How strongly the model is held to the reference; higher is closer.",
        why="0.1: what Ethayarajh et al., 2024 (arXiv 2402.01306) train with",
        gt=0,
    )
    desirable_weight: float = option(
        1.0,
        "Weight of good answers.",
        why="1: raise the rarer side until weight times number of both differ by a third at most (section 4.2)",
        ge=0,
    )
    undesirable_weight: float = option(1.0, "Weight of bad answers.", why="1: as for good ones", ge=0)
    reference: Literal["start", "base"] = option(
        "start",
        "The model that the trained one is held to: as it begins, or the base without model.start_from.",
        why="start: with a new adapter that is the base itself; after fine-tuning it is the fine-tuned model",
    )
