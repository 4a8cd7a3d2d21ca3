"""From measured pieces to docs/benchmarks.json and the table of docs/benchmarks.md; and back: fresh, and bars met?"""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

from data_rows import data_lines, data_missed, of_data
from evaluating_rows import evaluating_rows, missed, of_evaluating
from preferring_rows import of_preferring, preferring_lines, preferring_missed

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
GENERATING_BARS = (
    (2.0, "at least"),
    (1.5, "at least"),
    (2.0, "at least"),
    (0.85, "at least"),
    (0.2, "at most"),
    (3.0, "at least"),
    (1.3, "at least"),
    (1.15, "at most"),
)
"""Bars of the rows about generating and scoring, in their order."""
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def join(pieces: Path) -> None:
    """Write the JSON and the table from the pieces that are there; what has none stays as it was."""
    known = json.loads(BENCHMARKS.read_text(encoding="utf-8")) if BENCHMARKS.exists() else {}
    training = {target: of_target(pieces, target) for target in TARGETS}
    known["training"] = known.get("training", {}) | {target: found for target, found in training.items() if found}
    if found := of_preferring(pieces):
        known["preferences"] = known.get("preferences", {}) | found
    if found := of_generating(pieces):
        known |= found
    if found := of_evaluating(pieces):
        known["evaluate"] = found
    if found := of_data(pieces, known.get("data", {})):
        known["data"] = found
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


def of_generating(pieces: Path) -> dict[str, Any]:
    """Medians of generating and scoring, ratios as medians of those of one repeat; empty where a side is missing."""
    sides: dict[str, dict[str, Any]] = {}
    for path in sorted(pieces.glob("generate-*.json")):
        side, repeat = path.stem.removeprefix("generate-").rsplit("-", 1)
        sides.setdefault(side, {})[repeat] = json.loads(path.read_text(encoding="utf-8"))
    if set(sides) != {"ours", "memory", "transformers", "score_ours", "score_lm_eval"}:
        return {}

    def over(one: tuple[str, str], other: tuple[str, str], key: str = "tokens_per_s") -> float:
        both = [each for each in sides[one[0]] if each in sides[other[0]]]
        values = [sides[one[0]][each][one[1]][key] / sides[other[0]][each][other[1]][key] for each in both]
        return round(median(values), 3)

    def speeds(side: str, task: str, key: str = "tokens_per_s") -> list[float]:
        return sorted(round(run[task][key], 1) for run in sides[side].values())

    def row(task: str, **ratios: float) -> dict[str, Any]:
        own = speeds("ours", task)
        return {"tokens_per_s": median(own), "lowest": own[0], "highest": own[-1], "repeats": len(own), **ratios}

    memory = [run["memory"] for run in sides["memory"].values()]
    stated = [each["weights"] + each["cache"] + each["activations"] for each in memory]
    scoring = {
        "ratio_lm_eval": over(("score_ours", "options"), ("score_lm_eval", "options"), "per_s"),
        "ratio_lm_eval_one_token": over(("score_ours", "one_token"), ("score_lm_eval", "one_token"), "per_s"),
        "questions_per_s": median(speeds("score_ours", "options", "per_s")),
    }
    generate = {
        "one_stream": row(
            "one_stream", ratio_transformers=over(("ours", "one_stream"), ("transformers", "one_stream"))
        ),
        "sixteen": row("sixteen", ratio_static_batch=over(("ours", "sixteen"), ("transformers", "sixteen"))),
        "mixed": row(
            "mixed",
            ratio_peft=over(("ours", "mixed"), ("transformers", "mixed")),
            ratio_single=over(("ours", "mixed"), ("ours", "single")),
        ),
        "adapter_cost": round(1 - over(("ours", "single"), ("ours", "sixteen")), 3),
        "peers": {task: median(speeds("transformers", task)) for task in ("one_stream", "sixteen", "mixed")},
        "memory": {
            "above_idle_bytes": round(median(each["above_idle"] for each in memory)),
            "stated_bytes": round(median(stated)),
            "of_stated": round(median(m["above_idle"] / s for m, s in zip(memory, stated, strict=True)), 3),
        },
    }
    return {"generate": generate, "score": scoring}


def generating_rows(known: dict[str, Any]) -> list[tuple[str, str, float, float, str]]:
    """(work, what was measured, ratio, bar, sense) of each row."""
    g, s = known["generate"], known["score"]

    def speed(task: str, peer: str) -> str:
        own = g[task]
        spread = f"{own['lowest']:.0f} to {own['highest']:.0f}, {own['repeats']} repeats"
        return f"{own['tokens_per_s']:.0f} tokens/s ({spread}); {peer} {g['peers'][task]:.0f}"

    memory = g["memory"]
    kept = f"{memory['above_idle_bytes'] / 1e6:,.0f} MB above idle, {memory['stated_bytes'] / 1e6:,.0f} MB stated"
    found = [
        ("1 stream, bf16, over `generate`", speed("one_stream", "Transformers"), g["one_stream"]["ratio_transformers"]),
        ("16 streams over a static batch", speed("sixteen", "Transformers"), g["sixteen"]["ratio_static_batch"]),
        ("16 streams, four adapters, over PEFT's mixed batch", speed("mixed", "PEFT"), g["mixed"]["ratio_peft"]),
        ("four adapters over one", "", g["mixed"]["ratio_single"]),
        ("slower with one adapter than with none", "", g["adapter_cost"]),
        ("4 options over lm-eval's best", f"{s['questions_per_s']:.1f} questions/s", s["ratio_lm_eval"]),
        ("4 options of one token, the same", "", s["ratio_lm_eval_one_token"]),
        ("memory over weights, cache and a pass", kept, memory["of_stated"]),
    ]
    return [(*row, *bar) for row, bar in zip(found, GENERATING_BARS, strict=True)]


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
    lines += preferring_lines(known.get("preferences", {}))
    if "generate" in known:
        lines += ["### Generating and scoring", "", "| work | measured | ratio | bar |", "|---|---|---|---|"]
        lines += [f"| {w} | {m} | {r:.2f} | {s} {b} |" for w, m, r, b, s in generating_rows(known)]
        lines += [""]
    if "evaluate" in known:
        lines += ["### Evaluating", "", "| work | measured | ratio or speed | bar |", "|---|---|---|---|"]
        for work, measured, value, bar, sense in evaluating_rows(known["evaluate"]):
            shown = f"{value:.2f}" if value < 100 else f"{value:,.0f}"
            lines += [f"| {work} | {measured} | {shown} | {sense} {bar:,g} |"]
        lines += [""]
    lines += data_lines(known.get("data", {}))
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
    for work, _, value, bar, sense in generating_rows(known) if "generate" in known else ():
        if (value < bar) if sense == "at least" else (value > bar):
            problems.append(f"{work}: {value}, the bar is {sense} {bar}")
    problems += missed(known["evaluate"]) if "evaluate" in known else []
    problems += preferring_missed(known.get("preferences", {}))
    problems += data_missed(known.get("data", {}))
    print("\n".join(problems) or "the table is fresh and every bar is met")
    return 1 if problems else 0
