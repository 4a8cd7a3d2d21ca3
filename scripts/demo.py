"""The demo: tune a real 135M model on clinical coding, measure it beside its base, ask it one question.

    python scripts/demo.py               the whole of it, about 8 minutes on 2 cores; checks the demo's promise
    python scripts/demo.py --short       a few steps and rows through the same path: does everything work at all?
    python scripts/demo.py --few-shot    the base model may also have 12 solved rows in its prompt; takes much longer

Everything that was done already is skipped, so a second run ends at once.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "icd"
COMMAND = Path(sys.executable).parent / "tunewright"
LEAST_ACCURACY = 0.85
REAL = 0.01
"""Largest p that we call a real gain: one chance in a hundred that there is none."""
QUESTION = "Acute appendicitis with generalized peritonitis"
SHORT = (
    "training.max_steps=3",
    "training.validation_rows=16",
    "evaluate.max_rows=12",
    "evaluate.base_prompts=[bare]",
    "gates=[]",
)
"""Three steps learn nothing, so nothing is asked of them."""
FEW_SHOT = ("evaluate.base_prompts=[bare, labels_listed, examples]",)


def tunewright(*words: str, home: Path, capture: bool = False) -> str:
    """Run a verb as a user would, its progress seen. With `capture`, returns what it wrote on standard output."""
    print(f"\n$ tunewright {shlex.join(words)}", flush=True)
    out = subprocess.PIPE if capture else None
    environment = {**os.environ, "TUNEWRIGHT_HOME": str(home)}
    done = subprocess.run([str(COMMAND), *words], cwd=ROOT, env=environment, stdout=out, text=True)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def accuracy(measured: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The accuracy of what the tuned model writes against the base's best chance, and what falls short of the promise.

    The base's best chance is its best way of answering and its best prompt, also choosing among the known labels.
    """
    found = measured["suites"]["labels_best"]["accuracy"]
    short: list[str] = []
    if found["tuned"] < LEAST_ACCURACY:
        short.append(f"the tuned model answers {found['tuned']:.1%} right, the demo promises {LEAST_ACCURACY:.0%}.")
    if not (found["difference"] > 0 and found["p"] < REAL):
        short.append(f"the gain over the base's best chance is {found['difference']:.1%} (p = {found['p']:.2g}).")
    return found, short


def summary(found: dict[str, Any], *, report: Path, seconds: float, home: Path) -> str:
    """What was measured, where the report is, and what to type next."""
    before = "" if home == FOLDER / ".tunewright" else f"TUNEWRIGHT_HOME={home.relative_to(ROOT)} "
    low, high = found["interval"]
    return f"""
Right answers on {found["n"]} test rows: base {found["base"]:.1%} (its best chance), tuned {found["tuned"]:.1%}.
Difference {found["difference"]:.1%} (95 % interval {low:.1%} to {high:.1%}), McNemar's exact p = {found["p"]:.2g}.
Took {seconds / 60:.1f} minutes.

Report:  {report.relative_to(ROOT)}
Next:    source .venv/bin/activate
         {before}tunewright chat examples/icd
         tunewright init my-task --template classification
"""


def main(arguments: Sequence[str]) -> int:
    """Run, measure, ask, report; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="a few steps and rows; nothing is promised")
    parser.add_argument("--few-shot", action="store_true", help="12 examples in the prompt as well")
    given = parser.parse_args(arguments)
    sets = [*(SHORT if given.short else ()), *(FEW_SHOT if given.few_shot else ())]
    words = [part for value in sets for part in ("--set", value)]
    home = ROOT / ".cache" / "smoke" if given.short else FOLDER / ".tunewright"
    began = time.monotonic()
    tunewright("run", "examples/icd/recipe.yaml", *words, home=home)
    measured = json.loads(tunewright("evaluate", "examples/icd/recipe.yaml", *words, "--json", home=home, capture=True))
    tunewright("chat", "examples/icd", "--message", QUESTION, "--both", home=home)
    found, short = accuracy(measured)
    report = max((home / "runs").glob("*/report.html"), key=lambda path: path.stat().st_mtime_ns)
    print(summary(found, report=report, seconds=time.monotonic() - began, home=home))
    if short and not given.short:
        print("The demo falls short: " + " ".join(short))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
