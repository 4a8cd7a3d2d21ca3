"""Evaluating beside lm-eval's `hf` backend: the same task files, machine, threads and allocator, in one run.

    python benchmarks/evaluating.py                     three repeats of every side, then the key `evaluate`
    python benchmarks/evaluating.py --repeat 1          one repeat; --side evaluate_ours and so on: one side of it
    python benchmarks/evaluating.py --join              the key from the pieces that are there

The sides of a repeat run one after another in processes of their own, in another order each time. The backend is
measured at four batch sizes, and its best one counts.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from evaluating_rows import SIDES, evaluating_rows, missed, of_evaluating
from table import BENCHMARKS
from training import MODEL, PIECES, REPOSITORY, watched

from tunewright.app.cli.launch import find_allocator
from tunewright.core.events import silent
from tunewright.core.workspace import Workspace
from tunewright.models.find import find
from tunewright.recipe.recipe import ModelOptions

SCRIPTS = {"evaluate_lm_eval": "peer_lm_eval.py"}
OURS = "examining.py"


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=SIDES, action="append", help="these sides")
    parser.add_argument("--repeat", type=int, action="append", help="these repeats, from 1")
    parser.add_argument("--join", action="store_true", help="write the key from the pieces that are there")
    asked = parser.parse_args()
    if not asked.join:
        for repeat in asked.repeat or (1, 2, 3):
            sides = list(asked.side or SIDES)
            turn = repeat % len(sides)
            for side in [*sides[turn:], *sides[:turn]]:
                piece(side, repeat)
    if asked.join or not (asked.side or asked.repeat):
        return join(PIECES)
    return 0


def piece(side: str, repeat: int) -> None:
    """One side once; what was measured before is not measured again."""
    PIECES.mkdir(parents=True, exist_ok=True)
    file = PIECES / f"{side}-{repeat}.json"
    if file.exists():
        print(f"{file.name}: there already", flush=True)
        return
    workspace = Workspace(REPOSITORY / ".cache" / "tests")
    model = find(ModelOptions(name=MODEL), folder=REPOSITORY, workspace=workspace, emit=silent)
    allocator = find_allocator(os.environ)
    script = Path(__file__).with_name(SCRIPTS.get(side, OURS))
    command = [sys.executable, str(script), str(model.path), "--side", side, "--order", str(repeat)]
    more = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
        said, _ = watched(command, Path(work), more | ({"LD_PRELOAD": str(allocator)} if allocator else {}))
    found = json.loads(said.strip().splitlines()[-1])
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, each in found.items():
        print(f"{side} {repeat} {name}:", each, flush=True)


def join(pieces: Path) -> int:
    """Write the key `evaluate` of docs/benchmarks.json and print its rows; 1 where a side or a bar is missed."""
    found = of_evaluating(pieces)
    if not found:
        print(f"not every side was measured: {', '.join(SIDES)}")
        return 1
    known = json.loads(BENCHMARKS.read_text(encoding="utf-8"))
    BENCHMARKS.write_text(json.dumps(known | {"evaluate": found}, indent=1) + "\n", encoding="utf-8")
    for work, measured, value, bar, sense in evaluating_rows(found):
        print(f"{work}: {value:,.2f} ({sense} {bar:g}); {measured}")
    print("\n".join(missed(found)) or "every bar is met")
    return 1 if missed(found) else 0


if __name__ == "__main__":
    sys.exit(main())
