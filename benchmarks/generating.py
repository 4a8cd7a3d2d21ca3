"""Generating and scoring beside Transformers, PEFT and lm-eval, on the same machine, prompts, threads and allocator.

    python benchmarks/generating.py                     three repeats of every side, then the table (half an hour)
    python benchmarks/generating.py --repeat 1          one repeat; --side ours and so on: one side of it
    python benchmarks/generating.py --join              the table from the pieces that are there

The sides of a repeat run one after another in processes of their own, in another order each time.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

from table import check, join
from training import MODEL, PIECES, REPOSITORY, watched

from tunewright.app.cli.launch import find_allocator
from tunewright.core.events import silent
from tunewright.core.workspace import Workspace
from tunewright.models.find import find
from tunewright.recipe.recipe import ModelOptions

SIDES = {
    "ours": "answering.py",
    "memory": "answering.py",
    "transformers": "peer_generate.py",
    "score_ours": "answering.py",
    "score_lm_eval": "peer_lm_eval.py",
}


def main() -> int:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", choices=SIDES, action="append", help="these sides")
    parser.add_argument("--repeat", type=int, action="append", help="these repeats, from 1")
    parser.add_argument("--join", action="store_true", help="write the table from the pieces that are there")
    asked = parser.parse_args()
    if not asked.join:
        for repeat in asked.repeat or (1, 2, 3):
            sides = list(asked.side or SIDES)
            turn = repeat % len(sides)
            for side in [*sides[turn:], *sides[:turn]]:
                piece(side, repeat)
    if asked.join or not (asked.side or asked.repeat):
        join(PIECES)
        return check()
    return 0


def piece(side: str, repeat: int) -> None:
    """One side once; what was measured before is not measured again."""
    PIECES.mkdir(parents=True, exist_ok=True)
    file = PIECES / f"generate-{side}-{repeat}.json"
    if file.exists():
        print(f"{file.name}: there already", flush=True)
        return
    model = find(
        ModelOptions(name=MODEL), folder=REPOSITORY, workspace=Workspace(REPOSITORY / ".cache" / "tests"), emit=silent
    )
    allocator = find_allocator(os.environ)
    command = [sys.executable, str(Path(__file__).with_name(SIDES[side])), str(model.path), "--side", side]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as work:
        said, _ = watched(
            [*command, "--order", str(repeat)], Path(work), {"LD_PRELOAD": str(allocator)} if allocator else {}
        )
    found = json.loads(said.strip().splitlines()[-1])
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    for name, each in found.items():
        print(f"{side} {repeat} {name}:", {k: v for k, v in each.items() if k != "scores"}, flush=True)


if __name__ == "__main__":
    sys.exit(main())
