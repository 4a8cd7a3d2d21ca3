"""Options of P-tuning: a small network makes the embeddings of virtual tokens; the model stays as it is."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Virtual tokens are read before every text; while they train, a network makes them depend on one another."""

    type: Literal["p_tuning"] = "p_tuning"
    version: Literal[1] = 1
    tokens: int = option(20, "Number of virtual tokens.", why="20: as in prompt tuning", ge=1, le=4096)
    encoder: Literal["mlp", "lstm"] = option(
        "mlp",
        "What the embeddings go through: three linear layers, or a bidirectional LSTM and two linear layers.",
        why="mlp: PEFT recommends it; lstm is what Liu et al., 2021 (arXiv 2103.10385), use",
    )
    width: int | None = option(
        None, "Width inside the encoder.", why="none: that of the model, as in the paper's program", ge=1, le=65_536
    )
    layers: int = option(2, "Layers of the LSTM.", why="2: Liu et al., 2021, section 3.2", ge=1, le=8)
