"""Options of the suite that reads a head."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """What a head says of held-out rows: labels, numbers or rewards, as the recipe's objective trains it."""

    type: Literal["head"] = "head"
    version: Literal[1] = 1
    scorers: tuple[str, ...] = option(
        (),
        "Metrics.",
        why="none named: accuracy, F1 and calibration of labels; errors, R2 and rank correlation of numbers; "
        "accuracy and calibration of rewards",
    )
