"""The promises of room `stats`, measured on made data whose truth is known: false alarms, coverage, width.

    python scripts/simulate_statistics.py              # about six minutes of one core
    python scripts/simulate_statistics.py --only mmd --share 0.1 --no-write

Writes docs/evidence/statistics.json and the table of docs/explanation/statistics.md.
Ends with 0 when every bar is met, else with 1: false alarms at most nominal + 1 point; coverage at least nominal - 1.5
points where 200 rows (or families, or units) and more are seen; confidence sequences at least nominal at all times
together, and at most twice as wide as a fixed-n interval at the planned n. Lines without a bar are there to compare
with.
"""

from __future__ import annotations

import argparse
import json
import time
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from statistics_cases import CASES, LEVEL, Case

DOCS = Path(__file__).resolve().parent.parent / "docs"
EVIDENCE, PAGE = DOCS / "evidence" / "statistics.json", DOCS / "explanation" / "statistics.md"
REPLICATIONS = 4_000
SEED = 5
ALARM_SLACK, COVERAGE_SLACK, MOST_WIDTH, ENOUGH_ROWS = 0.01, 0.015, 2.0, 200

HEAD = """| test | n | false alarms | coverage | width | beside | replications |
| --- | --- | --- | --- | --- | --- | --- |"""
BESIDE = {
    "fixed_width": "a fixed-n interval is {:.3f} wide",
    "found": "a real difference was found {:.0%} of the time",
    "false_alarm_rate_of_rows": "rows taken for independent: {:.1%} false alarms",
}

Line = dict[str, float | int | bool | None]


def measure(case: Case, *, replications: int) -> Line:
    """Rates of one case over its part of the replications; each case has random numbers of its own."""
    generator = np.random.default_rng([SEED, zlib.crc32(case.name.encode())])
    times = max(1, round(replications * case.part))
    found = [case.once(generator) for _ in range(times)]
    line: Line = {"nominal": LEVEL, "false_alarm_rate": None, "coverage": None, "n": case.n, "replications": times}
    line |= {name: round(float(np.mean([one[name] for one in found])), 5) for name in found[0]}
    return line | {"barred": case.barred}


def misses(case: Case, line: Mapping[str, float | int | bool | None], *, errors: float = 0.0) -> list[str]:
    """Bars that a line misses by more than so many standard errors of the simulation."""
    if not case.barred:
        return []
    slack = errors * float(np.sqrt(LEVEL * (1 - LEVEL) / (line["replications"] or 1)))
    alarms, coverage, width = line["false_alarm_rate"], line["coverage"], line.get("width")
    missed = []
    if alarms is not None and alarms > LEVEL + ALARM_SLACK + slack:
        missed.append(f"{case.name}: {alarms:.1%} false alarms, at most {LEVEL + ALARM_SLACK:.1%} are allowed")
    least = 1 - LEVEL - (0 if case.always else COVERAGE_SLACK)
    if coverage is not None and (case.n >= ENOUGH_ROWS or case.always) and coverage < least - slack:
        missed.append(f"{case.name}: {coverage:.1%} covered, at least {least:.1%} is asked for")
    fixed = line.get("fixed_width")
    if width and fixed and width > MOST_WIDTH * fixed:
        missed.append(f"{case.name}: {width / fixed:.2f} times a fixed-n interval, at most {MOST_WIDTH:g} is allowed")
    return missed


def row(name: str, line: Mapping[str, float | int | bool | None]) -> str:
    """One line of the table, in Markdown."""
    width = line.get("width")
    shown = [_percent(line["false_alarm_rate"]), _percent(line["coverage"]), "" if width is None else f"{width:.3f}"]
    beside = [words.format(line[key]) for key, words in BESIDE.items() if key in line]
    beside += [] if line["barred"] else ["no bar"]
    return f"| `{name}` | {line['n']} | {' | '.join(shown)} | {', '.join(beside)} | {line['replications']:,} |"


def _percent(rate: float | int | bool | None) -> str:
    return "" if rate is None else f"{rate:.1%}"


def run(cases: Sequence[Case], *, replications: int) -> tuple[dict[str, Line], list[str]]:
    """Measure and print every case; what was found, and the bars that were missed."""
    print(HEAD)
    found: dict[str, Line] = {}
    missed: list[str] = []
    for case in cases:
        found[case.name] = measure(case, replications=replications)
        print(row(case.name, found[case.name]), flush=True)
        missed += misses(case, found[case.name])
    return found, missed


def table(evidence: Mapping[str, Line]) -> str:
    """The table of docs/explanation/statistics.md."""
    return "\n".join([HEAD, *(row(name, line) for name, line in evidence.items())])


def write(found: Mapping[str, Line]) -> None:
    """Write the evidence and its table; lines that were not measured anew are kept."""
    kept = json.loads(EVIDENCE.read_text(encoding="utf-8")) if EVIDENCE.exists() else {}
    evidence = {case.name: line for case in CASES if (line := found.get(case.name, kept.get(case.name)))}
    EVIDENCE.write_text(json.dumps(evidence, indent=1) + "\n", encoding="utf-8")
    page = PAGE.read_text(encoding="utf-8")
    before, after = page[: page.index(HEAD)], page[page.index(HEAD) :].partition("\n\n")[2]
    PAGE.write_text(f"{before}{table(evidence)}\n\n{after}", encoding="utf-8")


def main() -> int:
    """Run the simulation; the exit code says whether every bar is met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="part of the replications, such as 0.1")
    parser.add_argument("--only", nargs="+", metavar="TEST", help="these tests alone; their lines are replaced")
    parser.add_argument("--no-write", action="store_true", help="leave the evidence and the page as they are")
    asked = parser.parse_args()
    begun = time.process_time()
    chosen = [case for case in CASES if not asked.only or case.name in asked.only]
    found, missed = run(chosen, replications=round(REPLICATIONS * asked.share))
    print(f"{time.process_time() - begun:.0f} s of one core")
    if not asked.no_write:
        write(found)
    print("\n".join(missed) if missed else "every bar is met")
    return 1 if missed else 0


if __name__ == "__main__":
    raise SystemExit(main())
