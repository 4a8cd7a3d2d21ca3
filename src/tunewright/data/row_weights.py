"""What a row's loss is multiplied by (`details.weight`), and what it may be."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from tunewright.core.ports import Details, Row
from tunewright.data.shelf import wholes

LARGEST = 1e6
"""A weight beyond it drowns every other row of a step."""


def times(row: Any, factor: float) -> Row:
    """The row with its weight multiplied."""
    (whole,) = wholes((row,))
    weight = whole.details.get("weight", 1.0) * factor
    return replace(whole, details=Details(**{**whole.details, "weight": weight}))


def usable(weight: float) -> bool:
    """A number that a loss can be multiplied by."""
    return math.isfinite(weight) and 0 <= weight <= LARGEST
