"""Options of the linear schedule."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, ShareOrCount, option


class Options(Part):
    """Warm-up, then a linear fall."""

    type: Literal["linear"] = "linear"
    version: Literal[1] = 1
    warmup: ShareOrCount = option(
        0.03,
        "Warm-up as a share of the steps, or a number of steps.",
        why="3 %: the usual choice (Touvron et al., 2023)",
        unit="share or steps",
    )
    floor: Share = option(
        0.0, "Rate at the end, as a share of the highest.", why="0: the last steps only settle", unit="share"
    )
