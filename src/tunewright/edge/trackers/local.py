"""A CSV file in the run's folder: one row a step, a column a number."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tunewright.core.ports import Measured, TrackedRun
from tunewright.recipe.options.trackers.local import Options


class Work:
    """Fulfils the port Tracker. A step that comes again replaces its row, and those after it go."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._path = Path(options.file)
        self._rows: dict[int, dict[str, str]] = {}

    def open(self, run: TrackedRun) -> None:
        """Read what stands there from before."""
        self._path = run.folder / self.options.file
        self._rows = {}
        if self._path.exists():
            with self._path.open(newline="", encoding="utf-8") as file:
                self._rows = {int(row["step"]): row for row in csv.DictReader(file)}

    def send(self, numbers: Sequence[Measured]) -> None:
        """Take numbers over and write the table anew."""
        for each in numbers:
            known = self._rows.get(each.step, {})
            values = {name: repr(value) for name, value in each.values.items()}
            self._rows[each.step] = {**known, "step": str(each.step), "time_s": repr(each.time_s), **values}
        self._write()

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        """Nothing is left to do: the table is whole after each `send`."""

    def _write(self) -> None:
        names = ["step", "time_s", *sorted({name for row in self._rows.values() for name in row} - {"step", "time_s"})]
        temporary = self._path.with_name(f".{self._path.name}.new")
        with temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, names, restval="")
            table.writeheader()
            table.writerows(self._rows[step] for step in sorted(self._rows))
        temporary.replace(self._path)
