"""Kill the preparation of data at random moments: no half-written data set is ever seen, and the end is the same.

    python scripts/kill_data_test.py              eight kills over 20,000 rows with two workers; two minutes
    python scripts/kill_data_test.py --kills 2 --rows 5000

After each kill -9 of the whole process group every data set that can be seen must be whole (its digests are compared).
Then the same command runs to its end, and once more in a fresh workspace: names and files must be equal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from million_rows import REPOSITORY, write_rows

from tunewright.data.seal import check_seal

RECIPE = """\
name: killed
model: builtin:smollm2-135m-instruct
data:
  train: rows.jsonl
  max_tokens: 512
  workers: 2
  steps: [clean, deduplicate, near_duplicates, personal_data, quality]
"""


def main() -> int:
    """Kill, look, finish, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=8)
    parser.add_argument("--rows", type=int, default=20_000)
    asked = parser.parse_args()
    rng = random.Random(time.time_ns())
    with tempfile.TemporaryDirectory(prefix="kill-data-") as place:
        folder = Path(place)
        write_rows(folder / "rows.jsonl", asked.rows)
        (folder / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
        began = time.perf_counter()
        wanted, files = finished(folder, "whole")
        took = time.perf_counter() - began
        killed = 0
        for number in range(asked.kills):
            after = rng.uniform(0.2, 0.85) * took
            killed += kill(folder, "broken", after=after)
            seen = whole_data_sets(folder / "broken")
            print(f"kill {number + 1} after {after:.1f} of {took:.1f} s: {seen} whole data sets to be seen", flush=True)
            if seen:
                break
        name, others = finished(folder, "broken")
    print(f"{killed} kills; {'the same' if (name, others) == (wanted, files) else 'ANOTHER'} data set, {name[:12]}")
    return 0 if (name, others) == (wanted, files) and killed else 1


def command(home: str) -> list[str]:
    """The command over a workspace."""
    return [sys.executable, "-m", "tunewright", "data", "recipe.yaml", "--home", home, "--json"]


def prepare_home(folder: Path, home: str) -> None:
    """A workspace that shares converted models with the tests."""
    shared = REPOSITORY / ".cache" / "tests" / "cache"
    shared.mkdir(parents=True, exist_ok=True)
    (folder / home).mkdir(exist_ok=True)
    if not (folder / home / "cache").exists():
        (folder / home / "cache").symlink_to(shared)


def finished(folder: Path, home: str) -> tuple[str, dict[str, str]]:
    """Name and digests of the data set once the command has ended."""
    prepare_home(folder, home)
    said = subprocess.run(command(home), cwd=folder, capture_output=True, text=True, check=True)
    name = json.loads(said.stdout)["dataset"]
    digests = json.loads((folder / home / "datasets" / name / "digests.json").read_text(encoding="utf-8"))
    return name, {file: digest for file, digest in digests.items() if file != "version.json"}  # it holds the time


def kill(folder: Path, home: str, *, after: float) -> bool:
    """Start the command and kill its process group; False where it had ended before."""
    prepare_home(folder, home)
    process = subprocess.Popen(
        command(home), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    time.sleep(after)
    running = process.poll() is None
    if running:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return running


def whole_data_sets(home: Path) -> int:
    """Data sets that can be seen; raises where one of them is damaged."""
    folders = [each for each in (home / "datasets").glob("[!.]*") if each.is_dir()]
    for each in folders:
        check_seal(each)
    return len(folders)


if __name__ == "__main__":
    sys.exit(main())
