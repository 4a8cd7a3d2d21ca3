"""Options of LoRA (Hu et al., 2021, arXiv 2106.09685) in all its forms: low-rank matrices beside frozen weights."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """Low-rank adapters: W x + s B A x, with W frozen and s = alpha / rank."""

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
    bias: Literal["none", "all", "lora_only"] = option(
        "none",
        "Biases that train, too: of no layer, of all, or of the adapted ones.",
        why="none: the adapter can then be switched off and leaves the base as it was",
    )
    scaling: Literal["standard", "rank_stabilised"] = option(
        "standard",
        "rank_stabilised: multiply by alpha / sqrt(rank), so that high ranks learn (Kalajdzievski, 2023).",
        why="standard: what published settings of alpha mean",
    )
    decomposition: Literal["none", "dora"] = option(
        "none",
        "dora: train each row's length and its direction apart (Liu et al., 2024, arXiv 2402.09353).",
        why="none: DoRA gains a little at low ranks and takes half as much time again",
    )
    init: Literal["random", "pissa"] = option(
        "random",
        "pissa: A and B begin as the largest singular directions of W, which leaves the rest frozen "
        "(Meng et al., 2024, arXiv 2404.02948).",
        why="random: A at random and B at zero, so that training begins at the base itself",
    )
    rate_ratio: float = option(
        1.0,
        "LoRA+: learning rate of B over that of A (Hayou et al., 2024, arXiv 2402.12354).",
        why="1: plain LoRA; the paper recommends about 16 with a lower rate",
        gt=0,
        le=1000,
    )
    also_train: tuple[str, ...] = option(
        (),
        "Names of modules that train whole beside the adapter, such as norms or an untied head.",
        why="none: a few million more numbers are seldom worth their memory",
    )
