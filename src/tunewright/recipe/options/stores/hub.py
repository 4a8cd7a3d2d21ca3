"""Options of the store `hub`: an address and its source's keys say everything."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """Data sets of the Hugging Face hub."""

    type: Literal["hub"] = "hub"
    version: Literal[1] = 1
