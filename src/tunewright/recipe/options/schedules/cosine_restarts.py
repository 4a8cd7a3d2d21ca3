"""Options of the cosine schedule with restarts (Loshchilov and Hutter, 2017, arXiv 1608.03983)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, ShareOrCount, option


class Options(Part):
    """Warm-up, then cosine falls one after another, each from the highest rate."""

    type: Literal["cosine_restarts"] = "cosine_restarts"
    version: Literal[1] = 1
    warmup: ShareOrCount = option(
        0.03,
        "Warm-up as a share of the steps, or a number of steps.",
        why="3 %: the usual choice (Touvron et al., 2023)",
        unit="share or steps",
    )
    cycles: int = option(
        2, "Falls in a run, of equal length.", why="two: one restart; more make each too short to settle", ge=1, le=1000
    )
    floor: Share = option(
        0.0, "Rate at the end, as a share of the highest.", why="0: the last steps only settle", unit="share"
    )
