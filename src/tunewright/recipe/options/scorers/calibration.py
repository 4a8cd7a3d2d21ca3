"""Options of the scorer calibration."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Expected calibration error over bins of equal width."""

    type: Literal["calibration"] = "calibration"
    version: Literal[1] = 1
    bins: int = option(
        15,
        "Bins of equal width that confidences are sorted into.",
        why="what Guo et al. 2017 (arXiv 1706.04599) use, and most figures since",
        ge=1,
        le=1000,
    )
