"""Options of Parquet files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Columns by name; nested values become objects and lists."""

    type: Literal["parquet"] = "parquet"
    version: Literal[1] = 1
