"""The demo's recipe with three seeds: the median of the tuned model's accuracy, and how long training took.

    python scripts/seeds.py            # three whole runs, about 5 minutes each on 2 cores

Ends with 0 when the median accuracy of written labels is at least 88 %, else with 1. Runs that were done are skipped.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RECIPE = ROOT / "examples" / "icd" / "recipe.yaml"
HOME = ROOT / "examples" / "icd" / ".tunewright"
LEAST_MEDIAN = 0.88


def document(verb: str, seed: int) -> dict[str, object]:
    """The JSON document of a verb for one seed; progress is seen on standard error."""
    command = [sys.executable, "-m", "tunewright", verb, str(RECIPE), "--set", f"training.seed={seed}", "--json"]
    environment = {**os.environ, "TUNEWRIGHT_HOME": str(HOME)}
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment, text=True, check=False)
    if done.returncode:
        sys.exit(done.returncode)
    return json.loads(done.stdout)


def main() -> int:
    """Run the seeds; the exit code says whether the median holds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    found: list[float] = []
    for seed in parser.parse_args().seeds:
        run = document("train", seed)
        suites = document("evaluate", seed)["suites"]
        assert isinstance(suites, dict)
        accuracy = suites["labels_generated"]["accuracy"]
        record = json.loads((HOME / "runs" / str(run["run"])[:12] / "run.json").read_text(encoding="utf-8"))
        found.append(accuracy["tuned"])
        print(
            f"seed {seed}: {accuracy['tuned']:.1%} of {accuracy['n']} right; trained {record['train_s']:.0f} s at "
            f"{record['tokens_per_s']:.0f} tokens/s, peak {record['peak_memory_bytes'] / 1e9:.2f} GB",
            flush=True,
        )
    median = statistics.median(found)
    print(f"median {median:.1%}, at least {LEAST_MEDIAN:.0%} is asked for")
    return 0 if median >= LEAST_MEDIAN else 1


if __name__ == "__main__":
    raise SystemExit(main())
