"""Options of identity preference optimisation."""

from __future__ import annotations

from typing import ClassVar, Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Preference pairs: the margin over the reference goes to a set size, so that certain pairs are not overdone."""

    type: Literal["ipo"] = "ipo"
    version: Literal[1] = 1
    rows: ClassVar[Literal["pairs"]] = "pairs"
    loss_on: ClassVar[Literal["answers"]] = "answers"
    beta: float = option(
        0.1,
        "The margin wanted, a token, is 1 / (2 beta).",
        why="0.1: the field's usual start (TRL's default, too)",
        gt=0,
    )
    reference: Literal["start", "base"] = option(
        "start",
        "The model that the trained one is held to: as it begins, or the base without model.start_from.",
        why="start: with a new adapter that is the base itself; after fine-tuning it is the fine-tuned model",
    )
