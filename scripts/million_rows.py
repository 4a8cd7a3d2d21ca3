"""Prepare a million chat rows: memory of the process tree, rows a second, and whether time grows in line with rows.

    python scripts/million_rows.py                     # 10,000 to 1,000,000 rows; writes .cache/benchmarks/data.json
    python scripts/million_rows.py --rows 100000       # one size, nothing written

Two processes clean, and look for equal and nearly equal rows. Ends with 0 when a million rows stay under 3 GB, all
processes together, and take at most 12 times what a hundred thousand do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from pydoc_data.topics import topics

import psutil

REPOSITORY = Path(__file__).resolve().parent.parent
RESULT = REPOSITORY / ".cache" / "benchmarks" / "data.json"
LIMIT_BYTES = 3e9
LIMIT_RATIO = 12.0
START_ROWS, SIZES = 10, (10_000, 100_000, 1_000_000)
"""What so few rows take is start-up, and is taken off the processor time a row of the others."""
STEPS = "clean, deduplicate, near_duplicates; two processes"
RECIPE = """\
name: million
model: builtin:smollm2-135m-instruct
data: {train: rows.jsonl, max_tokens: 512, workers: 2, steps: [clean, deduplicate, near_duplicates]}
"""


def main() -> int:
    """Measure, tell, and say whether the limits hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=None, help="one size only")
    asked = parser.parse_args()
    if asked.rows:
        print(json.dumps(measure(asked.rows)))
        return 0
    start, *growth = [measure(rows) for rows in (START_ROWS, *SIZES)]
    for each in growth:
        each["cpu_us_per_row"] = round((each["cpu_s"] - start["cpu_s"]) / each["rows"] * 1e6, 1)
    few, many = growth[-2:]
    ratio = round(many["seconds"] / few["seconds"], 2)
    found = many | {"time_ratio": ratio, "steps": STEPS, "start_cpu_s": start["cpu_s"], "growth": growth}
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"data": found}))
    return 0 if found["peak_bytes"] < LIMIT_BYTES and found["time_ratio"] <= LIMIT_RATIO else 1


def measure(rows: int) -> dict[str, float]:
    """Prepare so many rows in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        work = Path(folder)
        write_rows(work / "rows.jsonl", rows)
        (work / "recipe.yaml").write_text(RECIPE, encoding="utf-8")
        cache = work / "home" / "cache"
        cache.parent.mkdir()
        shared = REPOSITORY / ".cache" / "tests" / "cache"
        shared.mkdir(parents=True, exist_ok=True)
        cache.symlink_to(shared)
        command = [sys.executable, "-m", "tunewright", "data", "recipe.yaml", "--home", "home", "--json"]
        write_rows(work / "few.jsonl", 10)  # first, unmeasured: converts the built-in model where nobody did
        watch([*command, "--set", "data.train=few.jsonl"], work)
        began, used = time.perf_counter(), cpu_s()
        peak, own = watch(command, work)
        seconds, used = time.perf_counter() - began, cpu_s() - used
    speed = f"{rows / seconds:,.0f} rows/s, {used:.1f} s of processor time"
    memory = f"peak {peak / 1e9:.2f} GB ({own / 1e9:.2f} GB in the first process)"
    print(f"{rows:,} rows: {speed}, {memory}", file=sys.stderr, flush=True)
    took = {"seconds": round(seconds, 1), "cpu_s": round(used, 1), "rows_per_s": round(rows / seconds)}
    return {"rows": rows, **took, "peak_bytes": peak, "first_process_bytes": own}


def cpu_s() -> float:
    """Processor time of all processes that have ended, theirs included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def write_rows(path: Path, rows: int) -> None:
    """Chats of one question and one answer out of Python's manual, all different; the same for the same number."""
    rng = random.Random(rows)
    words = " ".join(topics[name] for name in sorted(topics)).split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(rows):
            start, length = rng.randrange(len(words) - 60), rng.randint(8, 30)
            question, answer = words[start : start + length], words[start + length : start + 2 * length]
            turns = [
                {"role": "user", "content": f"{number}: {' '.join(question)}"},
                {"role": "assistant", "content": " ".join(answer)},
            ]
            file.write(json.dumps({"messages": turns}) + "\n")


def watch(command: list[str], work: Path) -> tuple[int, int]:
    """Run a command; VmHWM summed over all processes it ever had, as if they had lived at one time; and its own."""
    with (work / "log").open("w+") as log:
        process = subprocess.Popen(command, cwd=work, env=dict(os.environ), stdout=log, stderr=log)
        peaks: dict[int, int] = {}
        while process.poll() is None:
            peaks |= high_waters(process.pid)
            time.sleep(0.1)
        if process.returncode:
            log.seek(0)
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}:\n{log.read()[-2000:]}")
    return sum(peaks.values()), peaks[process.pid]


def high_waters(pid: int) -> dict[int, int]:
    """VmHWM in bytes of a process and its descendants, by their numbers; none of one that is gone.

    A child that has its parent's command line has not begun its own program yet: what is told of it are the parent's
    pages, and to count them again would be wrong.
    """
    try:
        every = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return {}
    found: dict[int, int] = {}
    for each in every:
        try:
            parent = each.parent()
            if each.pid != pid and parent is not None and parent.cmdline() == each.cmdline():
                continue
            lines = Path(f"/proc/{each.pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
        except (OSError, psutil.Error):
            continue
        for line in lines:
            if line.startswith("VmHWM:"):
                found[each.pid] = int(line.split()[1]) * 1024
    return found


if __name__ == "__main__":
    raise SystemExit(main())
