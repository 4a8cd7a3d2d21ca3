"""TensorBoard's event files, written by torch's SummaryWriter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from tensorboard.compat.proto.event_pb2 import Event, SessionLog  # pyright: ignore[reportAttributeAccessIssue]
from torch.utils.tensorboard import SummaryWriter

from tunewright.core.digest import short
from tunewright.core.ports import Measured, TrackedRun
from tunewright.recipe.options.trackers.tensorboard import Options

OURS = ".tunewright"
"""The ending of the files that this writer makes, and that it may remove."""
FLUSH_S = 3600
"""Never by the clock: every delivery ends with a flush."""


class Work:
    """Writes the files anew when it is opened; steps that are measured again are purged first."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._writer: SummaryWriter | None = None
        self._last: dict[str, int] = {}

    def open(self, run: TrackedRun) -> None:
        """Remove what an earlier process wrote of this run, and begin with the recipe as text."""
        folder = self._folder(run)
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.glob(f"events.out.tfevents.*{OURS}"):
            file.unlink()
        self._last = {}
        self._writer = SummaryWriter(str(folder), purge_step=0, flush_secs=FLUSH_S, filename_suffix=OURS)
        for title, content in {"recipe": run.options, "used": {"key": run.key, **run.used}}.items():
            self._writer.add_text(title, f"```json\n{json.dumps(content, indent=1)}\n```")
        self._writer.flush()

    def send(self, numbers: Sequence[Measured]) -> None:
        """Write scalars under the name of each number, and flush them to disk."""
        writer = self._opened()
        for each in numbers:
            if any(self._last.get(name, -1) >= each.step for name in each.values):
                self._purge(each.step)
            for name, value in each.values.items():
                writer.add_scalar(name, value, each.step, each.time_s)
                self._last[name] = each.step
        writer.flush()

    def close(self, *, status: Literal["done", "stopped", "failed"], results: Mapping[str, float]) -> None:
        """Write the final numbers as text and close the files."""
        writer = self._opened()
        writer.add_text("results", f"```json\n{json.dumps({'status': status, **results}, indent=1)}\n```")
        writer.close()

    def _folder(self, run: TrackedRun) -> Path:
        if self.options.folder is None:
            return run.folder / "tensorboard"
        return run.folder.parent.parent / Path(self.options.folder).expanduser() / f"{run.name}-{short(run.key)}"

    def _opened(self) -> SummaryWriter:
        assert self._writer is not None, "open comes first"
        return self._writer

    def _purge(self, step: int) -> None:
        """Tell readers to drop every number from `step` on, as a restarted SummaryWriter with `purge_step` does."""
        file = self._opened().file_writer
        assert file is not None, "a writer has a file until it is closed"
        file.add_event(Event(session_log=SessionLog(status=SessionLog.START)), step)
        self._last = {name: min(last, step - 1) for name, last in self._last.items()}
