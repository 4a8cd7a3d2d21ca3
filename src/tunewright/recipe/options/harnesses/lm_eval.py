"""Options of the harness lm-eval."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """EleutherAI's lm-evaluation-harness; it has no keys of its own, the suite `lm_eval` has them."""

    type: Literal["lm_eval"] = "lm_eval"
    version: Literal[1] = 1
