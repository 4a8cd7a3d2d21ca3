"""Kill a training run at random moments with SIGKILL, go on each time, and compare with the unbroken run.

    python scripts/kill_test.py --method lora            # the real model, 60 steps, 10 kills
    python scripts/kill_test.py --method full --kills 10
    python scripts/kill_test.py --set model.weights=nf4
    python scripts/kill_test.py --set training.optimiser=schedule_free
    python scripts/kill_test.py --processes 2

Ends with "equal: ..." and 0 when the weights' digest and every step's loss are bit-equal, else with 1.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tunewright.core import events
from tunewright.core.events import StepDone

REPOSITORY = Path(__file__).resolve().parent.parent
RECIPE = """\
name: kill-test
model: {model}
data:
  train: {data}/train.csv
  validation: {data}/validation.csv
  test: {data}/test.csv
  shape: {{type: labelled, text: diagnosis, label: system}}
method: {method}
training: {{max_steps: {steps}, batch_size: 4, learning_rate: {rate}, checkpoint_every: 4, evaluate_every: 20,
  validation_rows: 16, seed: 3}}
"""


def main() -> int:
    """Run the comparison; the exit code says whether all was equal."""
    asked = arguments()
    work = Path(tempfile.mkdtemp(prefix="kill-test-", dir=asked.work))
    rate = {"lora": 1e-3, "full": 1e-4}[asked.method.split(",")[0].strip("{").replace("type: ", "")]
    recipe = work / "recipe.yaml"
    data = REPOSITORY / "examples" / "icd"
    recipe.write_text(
        RECIPE.format(model=asked.model, data=data, method=asked.method, steps=asked.steps, rate=rate),
        encoding="utf-8",
    )
    try:
        command = Command(recipe, asked)
        whole = finish(command, work / "whole")
        share(work / "whole", work / "broken")
        kills = break_often(command, work / "broken", steps=asked.steps, kills=asked.kills, seed=asked.seed)
        broken = finish(command, work / "broken")
        return verdict(work, whole=whole, broken=broken, kills=kills)
    finally:
        if not asked.keep:
            shutil.rmtree(work)


def arguments() -> argparse.Namespace:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="lora", help="a method as a recipe names it")
    parser.add_argument("--model", default="builtin:smollm2-135m-instruct")
    parser.add_argument("--set", dest="sets", action="append", default=[], help="a key of the recipe: KEY=VALUE")
    parser.add_argument("--processes", type=int, default=1, help="that train together; all are killed at once")
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills")
    parser.add_argument("--work", type=Path, default=None, help="folder for the two workspaces")
    parser.add_argument("--keep", action="store_true", help="leave the workspaces behind")
    return parser.parse_args()


class Command:
    """The same command each time, for a workspace."""

    def __init__(self, recipe: Path, asked: argparse.Namespace) -> None:
        self.recipe = recipe
        self.more = [word for setting in asked.sets for word in ("--set", setting)]
        if asked.processes > 1:
            self.more += ["--processes", str(asked.processes)]

    def words(self, home: Path) -> list[str]:
        """The command as the system takes it."""
        start = [sys.executable, "-m", "tunewright", "train", str(self.recipe), "--home", str(home), "--json"]
        return start + self.more


def finish(command: Command, home: Path) -> dict[str, object]:
    """Train to the end; returns the command's document."""
    done = subprocess.run(command.words(home), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"training failed with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return json.loads(done.stdout)


def share(whole: Path, broken: Path) -> None:
    """Give the second workspace the converted model and the data set, but no run."""
    for part in ("cache", "datasets"):
        shutil.copytree(whole / part, broken / part)
    if (whole / "index" / "data").exists():
        shutil.copytree(whole / "index" / "data", broken / "index" / "data")


def break_often(command: Command, home: Path, *, steps: int, kills: int, seed: int) -> list[int]:
    """Start and kill; each kill falls at a random moment after a random number of new steps. Returns the steps."""
    rng = random.Random(seed)
    killed: list[int] = []
    for left in range(kills, 0, -1):
        at = last_step(home)
        target = min(steps - 1, at + rng.randint(1, max(1, 2 * (steps - at) // (left + 1))))
        process = subprocess.Popen(
            command.words(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and last_new_step(home) < target:
            time.sleep(0.01)
        time.sleep(rng.random())
        if process.poll() is not None:
            break
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        killed.append(last_step(home))
        print(f"killed at step {killed[-1]}", flush=True)
    return killed


def history(home: Path) -> list[events.AnyEvent]:
    """Events of the only run in a workspace."""
    files = list((home / "runs").glob("*/events.jsonl"))
    return events.read(files[0]) if files else []


def last_step(home: Path) -> int:
    """The last step that still stands."""
    return max((event.step for event in events.standing(history(home)) if isinstance(event, StepDone)), default=0)


def last_new_step(home: Path) -> int:
    """The last step done since the newest start."""
    step = 0
    for event in history(home):
        if event.kind == "run_resolved":
            step = 0
        elif isinstance(event, StepDone):
            step = event.step
    return step


def verdict(work: Path, *, whole: dict[str, object], broken: dict[str, object], kills: list[int]) -> int:
    """Compare digests and every loss; print one line."""
    losses = [
        [event.loss for event in events.standing(history(work / name)) if isinstance(event, StepDone)]
        for name in ("whole", "broken")
    ]
    same = whole["model"] == broken["model"] and losses[0] == losses[1]
    word = "equal" if same else "DIFFERENT"
    print(
        f"{word}: {len(kills)} kills at steps {kills}; {len(losses[0])} losses; "
        f"weights {str(whole['model'])[:16]} unbroken, {str(broken['model'])[:16]} broken"
    )
    return 0 if same and kills else 1


if __name__ == "__main__":
    raise SystemExit(main())
