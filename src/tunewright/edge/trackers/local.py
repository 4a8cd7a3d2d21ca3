"""The numbers of a run as a table: `metrics.csv` in its folder, one row a step."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tunewright.core.ports import Measured, TrackedRun
from tunewright.core.workspace import write_text
from tunewright.recipe.options.trackers.local import Options

FILE = "metrics.csv"
FIRST = ("step", "time_s")


class Work:
    """Writes the table anew when it is opened; rows of steps that are measured again are replaced."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._path = Path()
        self._columns: list[str] = []
        self._starts: list[tuple[int, int]] = []
        self._last: dict[str, float] = {}

    def open(self, run: TrackedRun) -> None:
        """Begin an empty table."""
        self._path = run.folder / FILE
        self._columns, self._starts, self._last = list(FIRST), [], {}
        write_text(self._path, _line(self._columns))

    def send(self, numbers: Sequence[Measured]) -> None:
        """Add rows, or complete the last one. Raises OSError when the disk refuses."""
        new = [name for each in numbers for name in each.values if name not in self._columns]
        if new:
            self._widen(list(dict.fromkeys(new)))
        with self._path.open("r+", encoding="utf-8", newline="") as file:
            file.seek(0, io.SEEK_END)
            for each in numbers:
                row = self._row(each)
                start = self._starts[-1][1] if self._starts and self._starts[-1][0] == each.step else file.tell()
                file.seek(self._go_back(each.step, start))
                file.truncate()
                self._starts.append((each.step, file.tell()))
                file.write(_line([row.get(name, "") for name in self._columns]))
                file.flush()
                self._last = row

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        """Nothing is left to do: the table is complete at any time."""

    def _row(self, numbers: Measured) -> dict[str, float]:
        """The row of a step: what it has so far and what comes, or only what comes where it is measured again."""
        row = {"step": numbers.step, "time_s": numbers.time_s, **numbers.values}
        goes_on = (
            bool(self._starts) and self._starts[-1][0] == numbers.step and not set(numbers.values) & set(self._last)
        )
        return self._last | row if goes_on else row

    def _go_back(self, step: int, start: int) -> int:
        """Forget rows from `step` on; returns where the row of `step` begins."""
        while self._starts and self._starts[-1][0] >= step:
            start = self._starts.pop()[1]
        return start

    def _widen(self, new: list[str]) -> None:
        """Give the table more columns, empty in the rows that are there."""
        with self._path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))[1:]
        self._columns += new
        lines = [_line(self._columns), *(_line([*row, *[""] * len(new)]) for row in rows)]
        at, starts = len(lines[0]), []
        for (step, _), line in zip(self._starts, lines[1:], strict=True):
            starts.append((step, at))
            at += len(line)
        write_text(self._path, "".join(lines))
        self._starts = starts


def _line(values: Sequence[str | float]) -> str:
    """One line of CSV (RFC 4180, but ended as Unix does); ASCII, so that its length is its bytes."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()
