"""From measured pieces to the key `evaluate` of docs/benchmarks.json, and to the rows and bars of its table."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

SIDES = ("evaluate_ours", "evaluate_lm_eval", "evaluate_stored")
BARS = {"likelihood": 3.0, "generation": 1.5, "generation_full": 1.5, "stored": 10_000.0}
"""Over lm-eval's `hf` backend; of "stored": answers scored a second."""
WORK = {
    "likelihood": "4 options by likelihood, over lm-eval's `hf`",
    "generation": "answers to instructions by generation, over lm-eval's `hf`",
    "generation_full": "the same, no answer ends before its 64 tokens",
    "stored": "stored answers read and scored, a second",
}


def of_evaluating(pieces: Path) -> dict[str, Any]:
    """Medians with spread, ratios as medians of those within one repeat; empty where a side is missing."""
    sides: dict[str, dict[str, Any]] = {}
    for path in sorted(pieces.glob("evaluate_*-*.json")):
        side, repeat = path.stem.rsplit("-", 1)
        sides.setdefault(side, {})[repeat] = json.loads(path.read_text(encoding="utf-8"))
    if not set(SIDES) <= set(sides):
        return {}
    found = {task: _asked(sides["evaluate_ours"], sides["evaluate_lm_eval"], task) for task in WORK if task != "stored"}
    return found | {"stored": _stored([run["stored"] for run in sides["evaluate_stored"].values()])}


def _asked(ours: dict[str, Any], theirs: dict[str, Any], task: str) -> dict[str, Any]:
    both = [repeat for repeat in ours if repeat in theirs]
    best = [max(theirs[repeat][task]["by_batch_size"].values()) for repeat in both]
    ratios = [ours[repeat][task]["examples_per_s"] / peer for repeat, peer in zip(both, best, strict=True)]
    sizes = [theirs[repeat][task]["by_batch_size"] for repeat in both]
    return {
        **_spread([ours[repeat][task]["examples_per_s"] for repeat in both]),
        "lm_eval": _spread(best),
        "lm_eval_batch_sizes": sorted({int(max(each, key=lambda size: each[size])) for each in sizes}),
        "ratio_lm_eval": round(median(ratios), 3),
        "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3),
    }


def _stored(runs: list[dict[str, Any]]) -> dict[str, Any]:
    scorers = {name: round(median(run["by_scorer"][name] for run in runs)) for name in runs[0]["by_scorer"]}
    return {
        **_spread([run["answers_per_s"] for run in runs], digits=0),
        "read_per_s": round(median(run["read_per_s"] for run in runs)),
        "by_scorer": scorers,
        "slowest": min(scorers, key=lambda name: scorers[name]),
    }


def _spread(values: list[float], *, digits: int = 2) -> dict[str, Any]:
    return {
        "per_s": round(median(values), digits),
        "lowest": round(min(values), digits),
        "highest": round(max(values), digits),
        "repeats": len(values),
    }


def evaluating_rows(found: dict[str, Any]) -> list[tuple[str, str, float, float, str]]:
    """(work, what was measured, ratio or speed, bar, sense) of each row of the table."""
    stored = found["stored"]
    kept = f"read at {stored['read_per_s']:,}/s; slowest scorer {stored['slowest']}"
    said = {task: _said(found[task]) for task in WORK if task != "stored"} | {"stored": kept}
    values = {task: found[task]["ratio_lm_eval"] for task in said if task != "stored"} | {"stored": stored["per_s"]}
    return [(work, said[task], values[task], BARS[task], "at least") for task, work in WORK.items()]


def _said(each: dict[str, Any]) -> str:
    peer, sizes = each["lm_eval"], ", ".join(map(str, each["lm_eval_batch_sizes"]))
    return (
        f"{each['per_s']:.1f} examples/s ({each['lowest']:.1f} to {each['highest']:.1f}, {each['repeats']} repeats); "
        f"`hf` {peer['per_s']:.1f} at batch size {sizes}"
    )


def missed(found: dict[str, Any]) -> list[str]:
    """A sentence for every bar that is missed."""
    return [
        f"{work}: {value}, the bar is {sense} {bar:g}"
        for work, _, value, bar, sense in evaluating_rows(found)
        if not value >= bar
    ]
