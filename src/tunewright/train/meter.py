"""Time and memory of a run. Reads this process only."""

from __future__ import annotations

import resource
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path

import psutil

WINDOW_STEPS = 20


def resident_bytes() -> int:
    """Memory of this process that lies in RAM now."""
    return psutil.Process().memory_info().rss


STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")


def peak_bytes() -> int:
    """Highest resident memory of this process so far, or since `reset_peak` (VmHWM on Linux)."""
    if STATUS.exists():
        for line in STATUS.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak() -> int:
    """Begin a new peak where the system permits it (Linux); returns what is resident now."""
    if CLEAR.exists():
        with suppress(OSError):  # some containers forbid it; then peaks only grow, and large passes look smaller
            CLEAR.write_text("5", encoding="ascii")
    return resident_bytes()


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
