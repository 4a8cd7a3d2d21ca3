"""Options of the scorer kl_to_base."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Divergence from the base model on answers that the base wrote."""

    type: Literal["kl_to_base"] = "kl_to_base"
    version: Literal[1] = 1
    estimator: Literal["schulman", "plain"] = option(
        "schulman",
        "How a token counts: r - 1 - log r with r = p / p_base, or the plain -log r.",
        why="both have the same mean; Schulman's is never negative and varies less where models are close",
    )
