"""Options of the scorer preference_calibration."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """Expected calibration error of preferences over bins of equal width."""

    type: Literal["preference_calibration"] = "preference_calibration"
    version: Literal[1] = 1
    bins: int = option(
        15, "Bins of equal width that confidences are sorted into.", why="as for calibration", ge=1, le=1000
    )
