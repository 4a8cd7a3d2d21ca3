"""Options of LoRA (Hu et al., 2021, arXiv 2106.09685): low-rank matrices beside frozen weights."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """Low-rank adapters: W x + (alpha / rank) B A x, with W frozen."""

    type: Literal["lora"] = "lora"
    version: Literal[1] = 1
    rank: int = option(
        16,
        "Rank r of A (r x in) and B (out x r).",
        why="16 holds a task of a few thousand rows; memory grows with it",
        ge=1,
        le=4096,
    )
    alpha: float = option(
        32.0, "Scale: the product is multiplied by alpha / rank.", why="twice the rank: the usual choice", gt=0
    )
    dropout: Share = option(
        0.0,
        "Dropout on the input of A.",
        why="0: over-fitting is rare at one or two epochs, and it costs time",
        unit="share",
    )
    targets: Literal["all-linear", "attention"] | tuple[str, ...] = option(
        "all-linear",
        "Which linear layers: all, attention only, or names of modules.",
        why="all: as good as full fine-tuning on small data (Schulman, 2025)",
    )
