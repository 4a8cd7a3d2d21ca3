"""Options of the local tracker: a table in the run's folder."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part, option


class Options(Part):
    """A CSV file with a row a step, for spreadsheets and pandas."""

    type: Literal["local"] = "local"
    version: Literal[1] = 1
    file: str = option("metrics.csv", "Name of the file in the run's folder.", why="says what it holds", min_length=1)
