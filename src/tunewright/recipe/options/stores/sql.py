"""Options of the store `sql`: an address and its source's keys say everything."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Databases by address, read through SQLAlchemy into Parquet."""

    type: Literal["sql"] = "sql"
    version: Literal[1] = 1
