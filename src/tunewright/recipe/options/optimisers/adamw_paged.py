"""Options of AdamW whose states may be paged out of a GPU (Dettmers et al., 2023, arXiv 2305.14314, section 3)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """AdamW with states in memory that a GPU shares with its host; on a processor it is plain AdamW."""

    type: Literal["adamw_paged"] = "adamw_paged"
    version: Literal[1] = 1
    beta1: float = option(0.9, "Decay of the first moment.", why="the paper", ge=0, lt=1)
    beta2: float = option(0.999, "Decay of the second moment.", why="the paper", ge=0, lt=1)
    epsilon: float = option(1e-8, "Added to the root of the second moment.", why="the paper", gt=0)
    weight_decay: float = option(
        0.0,
        "Decay of weights a step, times the rate.",
        why="0: adapters start at zero, which is their own prior",
        ge=0,
    )
