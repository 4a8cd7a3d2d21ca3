"""Options of the warm-up, stable, decay schedule (Hu et al., 2024, MiniCPM, arXiv 2404.06395)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, ShareOrCount, option


class Options(Part):
    """Warm-up, the highest rate for most of the run, then a fall."""

    type: Literal["warmup_stable_decay"] = "warmup_stable_decay"
    version: Literal[1] = 1
    warmup: ShareOrCount = option(
        0.03,
        "Warm-up as a share of the steps, or a number of steps.",
        why="3 %: the usual choice (Touvron et al., 2023)",
        unit="share or steps",
    )
    decay: ShareOrCount = option(
        0.1,
        "The fall at the end, as a share of the steps or a number of steps.",
        why="a tenth: the paper, section 4.3",
        unit="share or steps",
    )
    shape: Literal["linear", "cosine", "one_minus_sqrt"] = option(
        "one_minus_sqrt",
        "The form of the fall.",
        why="1 - sqrt loses least (Haegele et al., 2024, arXiv 2405.18392, section 3)",
    )
    floor: Share = option(
        0.0, "Rate at the end, as a share of the highest.", why="0: the last steps only settle", unit="share"
    )
