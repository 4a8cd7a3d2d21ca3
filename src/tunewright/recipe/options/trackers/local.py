"""Options of the table of numbers in the run's folder."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """A CSV file `metrics.csv` in the run's folder, one row a step."""

    type: Literal["local"] = "local"
    version: Literal[1] = 1
