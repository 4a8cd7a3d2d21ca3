"""Options of bottleneck adapters: two small layers with a curve between them, in every block of a frozen model."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Part, Share, option


class Options(Part):
    """What is added is s (W_up f(W_down x + b_down) + b_up); W_up and the biases begin at zero."""

    type: Literal["bottleneck"] = "bottleneck"
    version: Literal[1] = 1
    form: Literal["houlsby", "pfeiffer", "parallel"] = option(
        "parallel",
        "Where adapters stand. houlsby: behind attention and behind the MLP, before each is added to the stream "
        "(Houlsby et al., 2019, arXiv 1902.00751); pfeiffer: behind the MLP, once that is added (Pfeiffer et al., "
        "2021, arXiv 2005.00247); parallel: beside the MLP, reading what it reads (He et al., 2022, arXiv 2110.04366).",
        why="parallel: He et al., 2022, find it the best of the three",
    )
    width: int | None = option(
        None, "Values in the middle; replaces `reduction`.", why="none: from `reduction`", ge=1, le=65_536
    )
    reduction: float = option(
        16.0,
        "Width of the model over the width in the middle.",
        why="16: between the 8 and 64 of Houlsby et al., 2019, and what Pfeiffer et al., 2021 take",
        ge=1,
        le=4096,
    )
    activation: Literal["relu", "gelu", "silu", "tanh"] = option(
        "relu", "The curve f in the middle.", why="relu: Pfeiffer et al., 2021, and He et al., 2022"
    )
    dropout: Share = option(
        0.0,
        "Dropout in the middle, behind the curve.",
        why="0: over-fitting is rare at one or two epochs, and it costs time",
        unit="share",
    )
    layers: Literal["all"] | tuple[int, ...] = option(
        "all",
        "Blocks that get an adapter: all, or their numbers from 0. Below the lowest no gradient is computed.",
        why="all: what the papers do",
    )
    scale: Literal["auto"] | float = option(
        "auto",
        "The factor s of what is added.",
        why="auto: 4 in form parallel, as He et al., 2022, take it, else 1, as in the papers",
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Options:
        if self.layers != "all" and (not self.layers or min(self.layers) < 0 or len({*self.layers}) < len(self.layers)):
            raise ValueError("layers are numbers of blocks from 0, each once, or all.")
        if self.scale != "auto" and self.scale <= 0:
            raise ValueError("scale must be above 0: nothing else would ever be added.")
        return self
