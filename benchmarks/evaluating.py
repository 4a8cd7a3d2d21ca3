"""Evaluating beside lm-eval's `hf` backend: the same task files, machine, threads and allocator, in one run.

    python benchmarks/evaluating.py                     three repeats of every side, then the key `evaluate`
    python benchmarks/evaluating.py --repeat 1          one repeat; --side evaluate_ours and so on: one side of it
    python benchmarks/evaluating.py --join              the key from the pieces that are there

The sides of a repeat run one after another in processes of their own, in another order each time. The backend is
measured at four batch sizes, and its best one counts.
"""

from __future__ import annotations

import sys
from pathlib import Path

import table
from evaluating_rows import SIDES, missed, of_evaluating
from sides import Bench
from training import PIECES

PEER = {"evaluate_lm_eval": "peer_lm_eval.py"}
OURS = "examining.py"
OFFLINE = {"HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


def main() -> int:
    """Run what is asked for."""
    scripts = {side: PEER.get(side, OURS) for side in SIDES}
    return Bench(scripts, environment=OFFLINE).run(__doc__ or "", lambda: join(PIECES))


def join(pieces: Path) -> int:
    """Write the key `evaluate` and the table, and print its rows; 1 where a side or a bar is missed."""
    found = of_evaluating(pieces)
    if not found:
        print(f"not every side was measured: {', '.join(SIDES)}")
        return 1
    table.join(pieces)
    print("\n".join(missed(found)) or "every bar of evaluating is met")
    return 1 if missed(found) else 0


if __name__ == "__main__":
    sys.exit(main())
