"""Options of prefix tuning: trained keys and values before every text, in each layer; the model stays as it is."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Every layer sees keys and values of virtual tokens before those of the text."""

    type: Literal["prefix_tuning"] = "prefix_tuning"
    version: Literal[1] = 1
    tokens: int = option(
        20, "Number of virtual tokens.", why="20: between the 10 and 200 of Li and Liang, 2021", ge=1, le=4096
    )
    encoder: Literal["mlp", "none"] = option(
        "mlp",
        "mlp: a small network makes keys and values while they train (Li and Liang, 2021, arXiv 2101.00190, section "
        "4.3); none: they train themselves, which is P-tuning v2 (Liu et al., 2022, arXiv 2110.07602).",
        why="mlp: Li and Liang find that without it training is less stable and the result worse",
    )
    width: int = option(512, "Width of the network.", why="512: Li and Liang, 2021, for table-to-text", ge=1, le=65_536)
    init: Literal["auto", "random", "vocabulary"] = option(
        "auto",
        "How keys and values begin: at random, or as the model's own for drawn common tokens (Li and Liang, 2021, "
        "section 7.4), which takes encoder: none.",
        why="auto: vocabulary without a network, since after 60 steps its loss was 0.59 and a random start's 1.55",
    )

    @model_validator(mode="after")
    def _make_sense(self) -> Options:
        if self.init == "vocabulary" and self.encoder == "mlp":
            raise ValueError("init: vocabulary needs encoder: none; what a network makes begins at random.")
        return self
