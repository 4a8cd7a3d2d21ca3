"""From pieces of `preferring.py` to `preferences` in docs/benchmarks.json, and its table and bars."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

NAMES = {
    "ours": "Tunewright, bf16",
    "trl_best": "TRL at its best (bf16, grouped by length, same allocator)",
    "trl_default": "TRL as it comes",
}
BARS = {
    "over_trl_default": (2.5, "at least"),
    "over_trl_best": (1.3, "at least"),
    "memory_of_trl_best": (0.7, "at most"),
}
PREFIX = "prefer_"


def of_preferring(pieces: Path) -> dict[str, Any]:
    """Medians with spread by objective and side, and ratios as medians of those of one repeat."""
    runs: dict[str, dict[str, dict[str, Any]]] = {}
    for path in sorted(pieces.glob(f"{PREFIX}*.json")):
        objective, side, repeat = path.stem.removeprefix(PREFIX).rsplit("-", 2)
        runs.setdefault(objective, {}).setdefault(side, {})[repeat] = json.loads(path.read_text(encoding="utf-8"))
    return {objective: _of_one(sides) for objective, sides in runs.items() if "ours" in sides}


def _of_one(sides: dict[str, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side, repeats in sides.items():
        speeds = [each["pairs_per_s"] for each in repeats.values()]
        found[side] = {
            "pairs_per_s": round(median(speeds), 3),
            "lowest": round(min(speeds), 3),
            "highest": round(max(speeds), 3),
            "peak_bytes": round(median(each["peak_bytes"] for each in repeats.values())),
            "loss": round(median(each["loss"] for each in repeats.values()), 4),
            "repeats": len(repeats),
        }
    pairs = {
        "over_trl_default": ("trl_default", "pairs_per_s"),
        "over_trl_best": ("trl_best", "pairs_per_s"),
        "memory_of_trl_best": ("trl_best", "peak_bytes"),
    }
    ratios = {}
    for name, (other, key) in pairs.items():
        both = [each for each in sides["ours"] if each in sides.get(other, {})]
        if both:
            ratios[name] = round(median(sides["ours"][each][key] / sides[other][each][key] for each in both), 3)
    return found | {"ratios": ratios}


def preferring_lines(known: dict[str, Any]) -> list[str]:
    """The page's table."""
    lines = []
    for objective, found in known.items():
        lines += [
            f"### {'DPO' if objective == 'dpo' else 'A reward model'}, LoRA r=16 on attention",
            "",
            "| | pairs/s | lowest to highest | peak memory | loss |",
            "|---|---|---|---|---|",
        ]
        for side, name in NAMES.items():
            if side in found:
                each = found[side]
                spread = f"{each['lowest']:.2f} to {each['highest']:.2f} ({each['repeats']})"
                memory = f"{each['peak_bytes'] / 1e9:.2f} GB"
                lines += [f"| {name} | {each['pairs_per_s']:.2f} | {spread} | {memory} | {each['loss']:.3f} |"]
        lines += ["", "| ratio | measured | bar |", "|---|---|---|"]
        for name, (bar, sense) in BARS.items():
            if name in found["ratios"]:
                lines += [f"| {name.replace('_', ' ')} | {found['ratios'][name]:.2f} | {sense} {bar} |"]
        lines += [""]
    return lines


def preferring_missed(known: dict[str, Any]) -> list[str]:
    """Bars that are missed, a sentence each."""
    return [
        f"{objective}: {name} is {value}, the bar is {BARS[name][1]} {BARS[name][0]}"
        for objective, found in known.items()
        for name, value in found["ratios"].items()
        if (value < BARS[name][0] if BARS[name][1] == "at least" else value > BARS[name][0])
    ]
