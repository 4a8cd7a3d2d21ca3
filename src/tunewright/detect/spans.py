"""What detectors give: spans of a text with what they are and how sure the detector is, and how spans add up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple


class Span(NamedTuple):
    """Characters [start, end) of a text. `kind` says what they are, `score` in [0, 1] how sure the detector is."""

    start: int
    end: int
    kind: str
    score: float


def together(scores: Iterable[float]) -> float:
    """The chance that at least one finding is right, were they independent: 1 - product of (1 - score); 0 for none."""
    return 1 - math.prod(1 - score for score in scores)
