"""Options of CSV files (RFC 4180)."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """A header line, then one row a record, UTF-8; quoted fields may hold line breaks."""

    type: Literal["csv"] = "csv"
    version: Literal[1] = 1
