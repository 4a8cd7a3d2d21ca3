"""From measured pieces to docs/benchmarks.json and the table of docs/benchmarks.md; and back: fresh, and bars met?"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

DOCS = Path(__file__).resolve().parent.parent / "docs"
BENCHMARKS = DOCS / "benchmarks.json"
PAGE = DOCS / "benchmarks.md"
TARGETS = ("attention", "all_linear")
SIDES = {
    "ours": "Tunewright, LoRA",
    "qlora": "Tunewright, QLoRA (NF4)",
    "trl_best": "TRL at its best (bf16, grouped by length, same allocator)",
    "trl_default": "TRL as it comes",
}
BARS = {
    "over_trl_default": (3.2, "at least"),
    "over_trl_best": (1.4, "at least"),
    "memory_of_trl_best": (0.6, "at most"),
    "qlora_over_lora": (0.85, "at least"),
}
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def join(pieces: Path) -> None:
    """Write the JSON and the table from the pieces that are there; the data set's figures join where measured."""
    known = json.loads(BENCHMARKS.read_text(encoding="utf-8")) if BENCHMARKS.exists() else {}
    training = {target: of_target(pieces, target) for target in TARGETS}
    known["training"] = {target: found for target, found in training.items() if found}
    if (pieces / "data.json").exists():
        known["data"] = json.loads((pieces / "data.json").read_text(encoding="utf-8"))
    BENCHMARKS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(before + table(known) + after, encoding="utf-8")
    print(table(known))


def of_target(pieces: Path, target: str) -> dict[str, Any]:
    """Medians with spread of every side, and ratios: the median of those within one repeat."""
    sides = {side: {} for side in SIDES}
    for path in sorted(pieces.glob(f"{target}-*.json")):
        _, side, repeat = path.stem.rsplit("-", 2)
        sides[side][repeat] = json.loads(path.read_text(encoding="utf-8"))
    found = {side: summary(list(runs.values())) for side, runs in sides.items() if runs}
    ratios = {
        "over_trl_default": ratio(sides, "ours", "trl_default", key="tokens_per_s"),
        "over_trl_best": ratio(sides, "ours", "trl_best", key="tokens_per_s"),
        "memory_of_trl_best": ratio(sides, "ours", "trl_best", key="peak_bytes"),
        "qlora_over_lora": ratio(sides, "qlora", "ours", key="tokens_per_s"),
    }
    return found | {"ratios": {name: value for name, value in ratios.items() if value is not None}} if found else {}


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Median, lowest and highest."""
    speeds = [run["tokens_per_s"] for run in runs]
    return {
        "tokens_per_s": round(median(speeds), 1),
        "tokens_per_s_lowest": round(min(speeds), 1),
        "tokens_per_s_highest": round(max(speeds), 1),
        "peak_bytes": round(median(run["peak_bytes"] for run in runs)),
        "loss": round(median(run["loss"] for run in runs), 4),
        "bf16_peak_gflops": round(median(run["bf16_peak_flops"] for run in runs) / 1e9),
        "repeats": len(runs),
    }


def ratio(sides: dict[str, dict[str, Any]], one: str, other: str, *, key: str) -> float | None:
    """Median over repeats of one side over another; None where no repeat has both."""
    both = [repeat for repeat in sides[one] if repeat in sides[other]]
    return round(median(sides[one][each][key] / sides[other][each][key] for each in both), 3) if both else None


def table(known: dict[str, Any]) -> str:
    """The page's table between its markers."""
    lines = [BEGIN, ""]
    for target, found in known.get("training", {}).items():
        lines += [
            f"### LoRA r=16 on {target.replace('_', ' ')}",
            "",
            "| | tokens/s | lowest to highest | peak memory | loss |",
        ]
        lines += ["|---|---|---|---|---|"]
        for side, name in SIDES.items():
            if side in found:
                each = found[side]
                spread = f"{each['tokens_per_s_lowest']:.0f} to {each['tokens_per_s_highest']:.0f} ({each['repeats']})"
                memory = f"{each['peak_bytes'] / 1e9:.2f} GB"
                lines += [f"| {name} | {each['tokens_per_s']:.0f} | {spread} | {memory} | {each['loss']:.3f} |"]
        lines += ["", "| ratio | measured | bar |", "|---|---|---|"]
        for name, (bar, sense) in BARS.items():
            if name in found["ratios"]:
                lines += [f"| {name.replace('_', ' ')} | {found['ratios'][name]:.2f} | {sense} {bar} |"]
        lines += [""]
    if "data" in known:
        data = known["data"]
        lines += [
            "### A million chat rows",
            "",
            "| rows | rows/s | peak memory | time of 1,000,000 over time of 100,000 |",
        ]
        lines += ["|---|---|---|---|"]
        memory = f"{data['peak_bytes'] / 1e9:.2f} GB"
        lines += [f"| {data['rows']:,} | {data['rows_per_s']:,.0f} | {memory} | {data['time_ratio']:.1f} |"]
        lines += [""]
    return "\n".join([*lines, END])


def check() -> int:
    """1 when the page is not what the JSON says, or a bar is missed; says which."""
    known = json.loads(BENCHMARKS.read_text(encoding="utf-8"))
    problems = [] if table(known) in PAGE.read_text(encoding="utf-8") else ["docs/benchmarks.md is stale: --join"]
    for target, found in known["training"].items():
        for name, value in found["ratios"].items():
            bar, sense = BARS[name]
            if (value < bar) if sense == "at least" else (value > bar):
                problems.append(f"{target}: {name} is {value}, the bar is {sense} {bar}")
    print("\n".join(problems) or "the table is fresh and every bar is met")
    return 1 if problems else 0
