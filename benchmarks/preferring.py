"""Speed and memory of preference learning beside TRL: DPO and reward models, on the same pairs, threads and machine.

    python benchmarks/preferring.py                          every piece, then the table (half an hour on 2 cores)
    python benchmarks/preferring.py --only dpo --repeat 1    one piece, some minutes; pieces may be run apart
    python benchmarks/preferring.py --join                   the table from the pieces that are there

Ten steps of 8 pairs, the first two unmeasured; the reference's log-probabilities of DPO are computed before, on both
sides, and are not in the time. Memory is VmHWM summed over the process tree, the reference's pass included. The sides
of a repeat run one after another, in another order each time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from rows import rows
from table import join
from training import BATCH, MODEL, PIECES, REPOSITORY, UNMEASURED, watched, write

from tunewright.app.cli.launch import find_allocator
from tunewright.core.events import StepDone, read, silent
from tunewright.core.workspace import Workspace
from tunewright.models.find import find
from tunewright.recipe.recipe import ModelOptions
from tunewright.text.files import read_files
from tunewright.train.batches import Order

OBJECTIVES = ("dpo", "reward")
SIDES = ("ours", "trl_best", "trl_default")
PAIRS = 80
RECIPE = """\
name: benchmark
model: {{name: '{model}', precision: bf16}}
data: {{train: pairs.jsonl, steps: [], split: {{validation: 0, test: 0}}, max_tokens: 512}}
objective: {objective}
method: {{type: lora, rank: 16, alpha: 32, targets: attention}}
training: {{max_steps: 10, batch_size: 8, learning_rate: 1e-5, checkpoint_every: 1000, sample_every: 1000,
  evaluate_every: 1000}}
"""


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=OBJECTIVES, action="append", help="these objectives")
    parser.add_argument("--side", choices=SIDES, action="append", help="these sides")
    parser.add_argument("--repeat", type=int, action="append", help="these repeats, from 1")
    parser.add_argument("--join", action="store_true", help="write the table from the pieces that are there")
    asked = parser.parse_args()
    if not asked.join:
        for repeat in asked.repeat or (1, 2, 3):
            for objective in asked.only or OBJECTIVES:
                piece(objective, repeat, sides=asked.side or SIDES)
    if asked.join or not (asked.only or asked.side or asked.repeat):
        join(PIECES)
    return 0


def piece(objective: str, repeat: int, *, sides: list[str] | tuple[str, ...]) -> None:
    """All sides of one objective once; what was measured before is not measured again."""
    PIECES.mkdir(parents=True, exist_ok=True)
    turn = repeat % len(sides)
    for side in [*sides[turn:], *sides[:turn]]:
        file = PIECES / f"prefer_{objective}-{side}-{repeat}.json"
        if file.exists():
            print(f"{file.name}: there already", flush=True)
            continue
        with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
            found = run_side(side, objective, Path(work))
        seconds = found["seconds"][UNMEASURED:]
        result = {
            "pairs_per_s": BATCH * len(seconds) / sum(seconds),
            "peak_bytes": found["peak_bytes"],
            "loss": sum(found["losses"]) / len(found["losses"]),
        }
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        print(f"{objective} {side} {repeat}: {result}", flush=True)


def run_side(side: str, objective: str, work: Path) -> dict[str, Any]:
    """One side in processes of its own."""
    workspace = Workspace(REPOSITORY / ".cache" / "tests")
    model = find(ModelOptions(name=MODEL), folder=REPOSITORY, workspace=workspace, emit=silent)
    made = pairs(read_files(model.path).tokenizer)
    return (ours if side == "ours" else trl)(side, objective, work, model=model.path, made=made)


def pairs(tokenizer: Any) -> list[dict[str, Any]]:
    """80 prompts of the benchmark's rows, each with its own answer, which wins, and that of another row."""
    found = [row["messages"] for row in rows(tokenizer)]
    losers = [row[1]["content"] for row in found[PAIRS : 2 * PAIRS]]
    made = []
    for row, loser in zip(found[:PAIRS], losers, strict=True):
        asked = len(tokenizer.encode(row[0]["content"]).ids)
        ids = tokenizer.encode(loser).ids[: max(10, 470 - asked)]
        rejected = {"role": "assistant", "content": tokenizer.decode(ids)}
        made.append({"prompt": row[:1], "chosen": row[1:], "rejected": [rejected]})
    return made


def ours(side: str, objective: str, work: Path, *, model: Path, made: list[Any]) -> dict[str, Any]:
    """Our command, as a user starts it."""
    del side
    write(work / "pairs.jsonl", made)
    (work / "recipe.yaml").write_text(RECIPE.format(model=model, objective=objective), encoding="utf-8")
    start = [sys.executable, "-m", "tunewright"]
    watched([*start, "data", "recipe.yaml", "--quiet"], work, {})
    _, peak = watched([*start, "train", "recipe.yaml", "--json"], work, {})
    (events,) = work.glob(".tunewright/runs/*/events.jsonl")
    steps = [event for event in read(events) if isinstance(event, StepDone)]
    return {
        "seconds": [step.seconds for step in steps],
        "losses": [step.loss for step in steps],
        "peak_bytes": peak,
    }


def trl(side: str, objective: str, work: Path, *, model: Path, made: list[Any]) -> dict[str, Any]:
    """TRL on the same pairs in our order; at its best with our allocator."""
    order = Order(len(made), BATCH, 0)
    taken = [made[int(row)] for step in range(1, order.steps_per_epoch + 1) for row in order.rows_of(step)]
    write(work / "pairs.jsonl", taken)
    way = side.removeprefix("trl_")
    allocator = find_allocator(os.environ) if way == "best" else None
    script = str(Path(__file__).with_name("peer_trl_preferring.py"))
    command = [sys.executable, script, str(model), "pairs.jsonl", "--objective", objective, "--way", way]
    said, peak = watched(command, work, {"LD_PRELOAD": str(allocator)} if allocator else {})
    return json.loads(said.strip().splitlines()[-1]) | {"peak_bytes": peak}


if __name__ == "__main__":
    sys.exit(main())
