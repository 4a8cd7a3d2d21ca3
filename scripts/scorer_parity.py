"""Our scorers against what others wrote, on random input: the largest difference, and how many rows a second they take.

python scripts/scorer_parity.py [--seeds 20] [--json]

Exit code 1 when a difference is above 1e-9. Needs scikit-learn, sacrebleu, rouge-score, jsonschema and lm-eval.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from parity_rows import Drawn, drawn
from parity_sides import REFERENCES, Side

from tunewright.core import catalog
from tunewright.core.answers import Scorer

BAR = 1e-9
STORED = 10_000


def scorer(name: str, **keys: Any) -> Scorer:
    """A scorer of the catalog with its default options."""
    return catalog.work("scorers", name)(catalog.options("scorers", name)(**keys))


def parity(side: Side, seeds: Sequence[int]) -> dict[str, Any]:
    """One line of the table: scorer, reference, rows, and the largest absolute difference over seeds."""
    largest, rows = 0.0, 0
    for seed in seeds:
        data = drawn(seed)
        ours, theirs = np.atleast_1d(side.ours(data)), np.atleast_1d(side.theirs(data))
        if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
            return {"scorer": side.name, "reference": side.reference, "rows": rows, "difference": float("inf")}
        both = ~np.isnan(ours) & (ours != theirs)
        largest = max(largest, float(np.abs(ours[both] - theirs[both]).max(initial=0.0)))
        rows += len(data.rows)
    return {"scorer": side.name, "reference": side.reference, "rows": rows, "difference": largest}


def speed(name: str, data: Drawn) -> dict[str, Any]:
    """Rows a second of processor time of one scorer, over many stored answers that it never saw."""
    one = scorer(name)
    started = time.process_time()
    value = one.score(data.rows, data.labels)
    seconds = max(time.process_time() - started, 1e-9)
    return {"scorer": name, "rows_per_s": len(data.rows) / seconds, "value": value}


def main(arguments: Sequence[str] | None = None) -> int:
    """The two tables; 1 past the bar, else 0."""
    parser = argparse.ArgumentParser(description="Our scorers against what others wrote, and their speed.")
    parser.add_argument("--seeds", type=int, default=20, help="random inputs for each scorer")
    parser.add_argument("--rows", type=int, default=STORED, help="stored answers for the speed")
    parser.add_argument("--json", action="store_true", help="one JSON document and nothing else")
    given = parser.parse_args(arguments)
    lines = [parity(side, range(given.seeds)) for side in REFERENCES]
    data = drawn(given.seeds, rows=given.rows)
    speeds = [speed(name, data) for name in catalog.names("scorers")]
    if given.json:
        print(json.dumps({"bar": BAR, "parity": lines, "speed": speeds}, indent=1))
    else:
        show(lines, speeds)
    return int(any(line["difference"] > BAR for line in lines))


def show(lines: Sequence[dict[str, Any]], speeds: Sequence[dict[str, Any]]) -> None:
    """Both tables as Markdown."""
    print("| scorer | reference | rows | largest difference |\n|---|---|---:|---:|")
    for line in lines:
        mark = "" if line["difference"] <= BAR else " (!)"
        print(f"| {line['scorer']} | {line['reference']} | {line['rows']:,} | {line['difference']:.1e}{mark} |")
    print("\n| scorer | rows/s of one core |\n|---|---:|")
    for line in speeds:
        print(f"| {line['scorer']} | {line['rows_per_s']:,.0f} |")


if __name__ == "__main__":
    sys.exit(main())
