"""Time and memory of a run. Reads this process only."""

from __future__ import annotations

import resource
import sys
from collections import deque

import psutil

WINDOW_STEPS = 20


def resident_bytes() -> int:
    """Memory of this process that lies in RAM now."""
    return psutil.Process().memory_info().rss


def peak_bytes() -> int:
    """Highest resident memory of this process so far (VmHWM on Linux)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Meter:
    """Speed over the last steps, and time left at that speed."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, float]] = deque(maxlen=WINDOW_STEPS)

    def add(self, tokens: int, seconds: float) -> None:
        """Count one step."""
        self._recent.append((tokens, seconds))

    def tokens_per_s(self) -> float:
        """Real tokens a second over the window."""
        seconds = sum(s for _, s in self._recent)
        return sum(t for t, _ in self._recent) / seconds if seconds else 0.0

    def left_s(self, steps: int) -> float:
        """Seconds for so many more steps at the window's pace."""
        return steps * sum(s for _, s in self._recent) / len(self._recent) if self._recent else 0.0
