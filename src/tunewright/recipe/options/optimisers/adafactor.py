"""Options of Adafactor (Shazeer and Stern, 2018, arXiv 1804.04235)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Second moments of a matrix held as one number a row and one a column: almost no memory."""

    type: Literal["adafactor"] = "adafactor"
    version: Literal[1] = 1
    decay_rate: float = option(
        -0.8, "Exponent of the second moment's decay, 1 - step ** decay_rate.", why="the paper, section 7.2", lt=0
    )
    epsilon: float = option(1e-30, "Added to squared gradients.", why="the paper, algorithm 5", gt=0)
    clip_threshold: float = option(1.0, "Largest root mean square of an update.", why="the paper, section 6", gt=0)
    weight_decay: float = option(
        0.0,
        "Decay of weights a step, times the rate.",
        why="0: adapters start at zero, which is their own prior",
        ge=0,
    )
