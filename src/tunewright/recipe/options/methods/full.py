"""Options of full fine-tuning: every weight trains."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Every weight trains, with float32 masters where products are in bf16."""

    type: Literal["full"] = "full"
    version: Literal[1] = 1
