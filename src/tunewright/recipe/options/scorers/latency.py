"""Options of the scorer latency."""

from __future__ import annotations

from typing import Literal

from tunewright.recipe.fields import Part


class Options(Part):
    """The scorer latency; it has no keys of its own."""

    type: Literal["latency"] = "latency"
    version: Literal[1] = 1
