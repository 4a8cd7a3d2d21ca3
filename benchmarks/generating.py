"""Generating and scoring beside Transformers, PEFT and lm-eval, on the same machine, prompts, threads and allocator.

    python benchmarks/generating.py                     three repeats of every side, then the table (half an hour)
    python benchmarks/generating.py --repeat 1          one repeat; --side ours and so on: one side of it
    python benchmarks/generating.py --join              the table from the pieces that are there

The sides of a repeat run one after another in processes of their own, in another order each time.
"""

from __future__ import annotations

import sys

from sides import Bench
from table import check, join
from training import PIECES

SIDES = {
    "ours": "answering.py",
    "memory": "answering.py",
    "transformers": "peer_generate.py",
    "score_ours": "answering.py",
    "score_lm_eval": "peer_lm_eval.py",
}


def main() -> int:
    """Run what is asked for."""
    return Bench(SIDES, prefix="generate-", unsaid={"scores"}).run(__doc__ or "", end)


def end() -> int:
    """Write the table from the pieces; 1 where a bar is missed."""
    join(PIECES)
    return check()


if __name__ == "__main__":
    sys.exit(main())
