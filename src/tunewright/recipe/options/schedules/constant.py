"""Options of the constant schedule."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, ShareOrCount, option


class Options(Part):
    """Warm-up, then the same rate to the end."""

    type: Literal["constant"] = "constant"
    version: Literal[1] = 1
    warmup: ShareOrCount = option(
        0.03,
        "Warm-up as a share of the steps, or a number of steps.",
        why="3 %: the usual choice (Touvron et al., 2023)",
        unit="share or steps",
    )
