"""Options of the scorer reward."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """The mean reward that a trained reward model gives to answers."""

    type: Literal["reward"] = "reward"
    version: Literal[1] = 1
    model: str = option(
        "",
        "The reward model: a run's or model's folder, relative to the recipe, or the name of a model in the workspace.",
        why="no model is everybody's: none named means that it is not measured, and naming the metric is an error",
    )
