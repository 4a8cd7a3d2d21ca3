"""One stage of preparing data over the rows of a file, in this process, which loads nothing else; prints one JSON line.

python benchmarks/stage_alone.py ROWS.jsonl STAGE MODEL     a stage may be several steps: clean+quality
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tunewright.app.resolve import data_parts
from tunewright.core.events import silent
from tunewright.data.arrange import Work, run
from tunewright.data.encode import Encoder
from tunewright.data.fates import Fates
from tunewright.data.prepare import Desk, Inputs, read
from tunewright.data.receipt import Ledger, Quarantine
from tunewright.data.shelf import Shelf, wholes
from tunewright.data.step import GlobalStep
from tunewright.recipe.recipe import DataOptions
from tunewright.text.chat import load_chat

FORMS: dict[str, tuple[Any, str, Any]] = {
    "documents": ("documents", "text", "all"),
    "chats": ("conversations", "chat", "answers"),
}
"""What an objective trains on, the shape, and on what there is a loss, by the beginning of the file's name."""


def measured(path: Path, stage: str, model: Path) -> dict[str, Any]:
    """One stage over the rows of a file, in this process."""
    form, shape, loss_on = FORMS[path.name.split("-")[0]]
    steps = [] if stage in ("load", "encode") else stage.split("+")
    options = DataOptions.model_validate({"train": path.name, "shape": shape, "steps": steps, "workers": 1})
    parts = data_parts(options)
    inputs = Inputs(load_chat(model), path.parent, loss_on, key="", made_at="", rows=form)
    with tempfile.TemporaryDirectory(prefix="stage-") as folder:
        work = Path(folder)
        with Quarantine(work / "quarantine.jsonl") as quarantine, Shelf(work / "rows.jsonl") as shelf:
            ledger = Ledger(Fates(work))
            desk = Desk(inputs, ledger, quarantine, shelf, silent)
            (seconds, cpu_s), rows = timed(lambda: read(options, parts, desk=desk)[1])
            count = len(rows["train"])
            if stage == "encode":
                encoder = Encoder(options, inputs.chat, loss_on, ledger, quarantine, silent, form)
                (seconds, cpu_s), _name = timed(lambda: encoder.write(rows, work))
            elif stage != "load":
                start(parts.steps, rows["train"][:10])
                (seconds, cpu_s), rows = timed(lambda: run(parts.steps, rows, work=Work(ledger, shelf=shelf)))
    return {
        "rows": count,
        "seconds": round(seconds, 2),
        "cpu_s": round(cpu_s, 2),
        "rows_per_s": round(count / cpu_s),
        "mb_per_s": round(path.stat().st_size / cpu_s / 1e6, 2),
        "peak_memory_bytes": peak(),
        "left": len(rows["train"]),
        "changed": ledger.total().changed.total(),
        "tokens": ledger.tokens["in"],
    }


def timed(work: Callable[[], Any]) -> tuple[tuple[float, float], Any]:
    """Seconds that something takes by the clock and of the processor, and what it gives."""
    began, busy = time.perf_counter(), time.process_time()
    found = work()
    return (time.perf_counter() - began, time.process_time() - busy), found


def start(steps: Sequence[Any], rows: Sequence[Any]) -> None:
    """Have steps load their lists and models, unmeasured."""
    few = list(wholes(rows))
    for step in steps:
        step.look(few).map(few) if isinstance(step, GlobalStep) else step.batch(few)


def peak() -> int:
    """VmHWM of this process in bytes."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))


if __name__ == "__main__":
    file, stage_name, model_folder = sys.argv[1:]
    print(json.dumps(measured(Path(file), stage_name, Path(model_folder))))
