"""Options of TSV files."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """As CSV with tabs between fields."""

    type: Literal["tsv"] = "tsv"
    version: Literal[1] = 1
