"""Training speed and memory beside TRL, on the same machine, rows, threads and, where it says so, allocator.

    python benchmarks/training.py                              every piece, then the table (an hour on 2 cores)
    python benchmarks/training.py --only attention --repeat 1  one piece, some minutes; pieces may be run apart
    python benchmarks/training.py --join                       the table from the pieces that are there
    python benchmarks/training.py --check                      1 when the table is stale or a bar is missed

Ten steps of 8 rows, the first two unmeasured; tokens are real ones, without padding; memory is VmHWM summed over the
process tree. The sides of a repeat run one after another, in another order each time.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rows import rows
from table import TARGETS, check, join

from tunewright.app.cli.launch import find_allocator
from tunewright.core.events import StepDone, read, silent
from tunewright.core.workspace import Workspace
from tunewright.models.find import find
from tunewright.recipe.recipe import ModelOptions
from tunewright.text.files import read_files
from tunewright.train.batches import Order

REPOSITORY = Path(__file__).resolve().parent.parent
PIECES = REPOSITORY / ".cache" / "benchmarks"
MODEL = "builtin:smollm2-135m-instruct"
SIDES = ("ours", "trl_best", "qlora", "trl_default")
STEPS, UNMEASURED, BATCH = 10, 2, 8
ENVIRONMENT = {"OMP_NUM_THREADS": "2", "GOMP_SPINCOUNT": "4000", "TOKENIZERS_PARALLELISM": "false"}
RECIPE = """\
name: benchmark
model: {{name: '{model}', precision: bf16, weights: {weights}}}
data: {{train: rows.jsonl, steps: [], split: {{validation: 0, test: 0}}, max_tokens: 512}}
method: {{type: lora, rank: 16, alpha: 32, dropout: 0.05, targets: {targets}}}
training: {{max_steps: 10, batch_size: 8, learning_rate: 2e-4, checkpoint_every: 1000, sample_every: 1000,
  evaluate_every: 1000}}
"""
PEAK = """\
import time, torch
torch.set_num_threads(2)
a, b = torch.randn(2, 2048, 2048).to(torch.bfloat16)
a @ b
best = 0
for _ in range(8):
    began = time.perf_counter(); a @ b
    best = max(best, 2 * 2048**3 / (time.perf_counter() - began))
print(best)
"""


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=TARGETS, action="append", help="these targets")
    parser.add_argument("--side", choices=SIDES, action="append", help="these sides")
    parser.add_argument("--repeat", type=int, action="append", help="these repeats, from 1")
    parser.add_argument("--join", action="store_true", help="write the table from the pieces that are there")
    parser.add_argument("--check", action="store_true", help="exit 1 when the table is stale or a bar is missed")
    asked = parser.parse_args()
    if asked.check:
        return check()
    if not asked.join:
        for repeat in asked.repeat or (1, 2, 3):
            for target in asked.only or TARGETS:
                piece(target, repeat, sides=asked.side or SIDES)
    if asked.join or not (asked.only or asked.side or asked.repeat):
        join(PIECES)
        return check()
    return 0


def piece(target: str, repeat: int, *, sides: list[str] | tuple[str, ...]) -> None:
    """All sides of one target once; what was measured before is not measured again."""
    PIECES.mkdir(parents=True, exist_ok=True)
    ordered = [*sides[repeat % len(sides) :], *sides[: repeat % len(sides)]]
    for side in ordered:
        file = PIECES / f"{target}-{side}-{repeat}.json"
        if file.exists():
            print(f"{file.name}: there already", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
            result = run_side(side, target, Path(work))
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        speed, peak = result["tokens_per_s"], result["peak_bytes"] / 1e9
        print(f"{target} {side} {repeat}: {speed:.0f} tokens/s, {peak:.2f} GB, loss {result['loss']:.4f}", flush=True)


def run_side(side: str, target: str, work: Path) -> dict[str, Any]:
    """One side in processes of its own."""
    model = find(
        ModelOptions(name=MODEL), folder=REPOSITORY, workspace=Workspace(REPOSITORY / ".cache" / "tests"), emit=silent
    )
    made = rows(read_files(model.path).tokenizer)
    peak = float(subprocess.run([sys.executable, "-c", PEAK], capture_output=True, text=True, check=True).stdout)
    found = (ours if side in ("ours", "qlora") else trl)(side, target, work, model=model.path, made=made)
    seconds, tokens = found["seconds"][UNMEASURED:], found["tokens"][UNMEASURED:]
    return {
        "tokens_per_s": sum(tokens) / sum(seconds),
        "peak_bytes": found["peak_bytes"],
        "loss": sum(found["losses"]) / len(found["losses"]),
        "steps": len(found["seconds"]),
        "tokens": sum(tokens),
        "bf16_peak_flops": peak,
    }


def ours(side: str, target: str, work: Path, *, model: Path, made: list[Any]) -> dict[str, Any]:
    """Our command, as a user starts it."""
    write(work / "rows.jsonl", made)
    weights = "nf4" if side == "qlora" else "bf16"
    targets = target.replace("_", "-")
    (work / "recipe.yaml").write_text(RECIPE.format(model=model, weights=weights, targets=targets), encoding="utf-8")
    start = [sys.executable, "-m", "tunewright"]
    watched([*start, "data", "recipe.yaml", "--quiet"], work, {})
    _, peak = watched([*start, "train", "recipe.yaml", "--json"], work, {})
    (events,) = work.glob(".tunewright/runs/*/events.jsonl")
    steps = [event for event in read(events) if isinstance(event, StepDone)]
    return {
        "seconds": [step.seconds for step in steps],
        "tokens": [step.tokens for step in steps],
        "losses": [step.loss for step in steps],
        "peak_bytes": peak,
    }


def trl(side: str, target: str, work: Path, *, model: Path, made: list[Any]) -> dict[str, Any]:
    """TRL on the same rows in our order; at its best with our allocator."""
    order = Order(len(made), BATCH, 0)
    taken = [made[int(row)] for step in range(1, order.steps_per_epoch + 1) for row in order.rows_of(step)]
    write(work / "rows.jsonl", taken)
    way = side.removeprefix("trl_")
    allocator = find_allocator(os.environ) if way == "best" else None
    script = str(Path(__file__).with_name("peer_trl.py"))
    command = [sys.executable, script, str(model), "rows.jsonl", "--targets", target, "--way", way]
    said, peak = watched(command, work, {"LD_PRELOAD": str(allocator)} if allocator else {})
    found = json.loads(said.strip().splitlines()[-1])
    return found | {"peak_bytes": peak}


def write(path: Path, made: list[Any]) -> None:
    """Rows as JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")


def watched(command: list[str], work: Path, more: dict[str, str]) -> tuple[str, int]:
    """Run a command to its end; what it printed, and VmHWM summed over its process tree."""
    environment = {**os.environ, **ENVIRONMENT, "HF_HUB_OFFLINE": "1", **more}
    with (work / "said").open("w+") as out, (work / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=work, env=environment, stdout=out, stderr=log, text=True)
        peaks: dict[int, int] = {}
        while process.poll() is None:
            for pid in tree(process.pid):
                peaks[pid] = max(peaks.get(pid, 0), high_water(pid))
            time.sleep(0.05)
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read()[-3000:]}")
        out.seek(0)
        return out.read(), sum(peaks.values())


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def high_water(pid: int) -> int:
    """VmHWM in bytes; 0 for a process that is gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
