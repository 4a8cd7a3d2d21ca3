"""Options of (IA)3 (Liu et al., 2022, arXiv 2205.05638): learnt factors of keys, values and the MLP's inner values."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """One factor a value, all 1 at the start; the smallest adapter that there is."""

    type: Literal["ia3"] = "ia3"
    version: Literal[1] = 1
    targets: Literal["auto"] | tuple[str, ...] = option(
        "auto",
        "Linear layers whose values are scaled: by the end of their names.",
        why="auto: keys, values and the second matrix of the MLP, as in the paper (k_proj, v_proj, down_proj in Llama "
        "and Qwen)",
    )
    feedforward: Literal["auto"] | tuple[str, ...] = option(
        "auto",
        "Those of the targets whose inputs are scaled; of the others it is the outputs.",
        why="auto: the second matrix of the MLP, so that its inner values are scaled, as in the paper",
    )
