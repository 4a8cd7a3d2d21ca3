"""From measured pieces to the key `data` of docs/benchmarks.json, and to the rows and bars of its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BARS = {"ratio_datatrove": 30.0, "ratio_rensa_words": 0.7, "recall": 0.98}
"""Of near duplicates, at least. rensa over words does less work than over shingles, and is the harder bar."""
MEMORY_BAR_BYTES = 3e9
KEYS = ("near_duplicates", "prepare_1m", "personal_data", "stages")
STAGES = ("load", "clean", "near_duplicates", "personal_data", "quality", "encode")
KINDS = {"documents": "documents of about 2 kB", "chats": "short chat rows"}
PEERS = {
    "presidio": ("Personal data beside Presidio", "Presidio"),
    "data_juicer": ("Clean and quality beside data-juicer", "data-juicer"),
}


def of_data(pieces: Path, before: dict[str, Any]) -> dict[str, Any]:
    """The key, with what was measured; what has no piece stays as it was."""
    found = {
        name: before[name] for name in ("near_duplicates", "prepare_1m", "personal_data", "stages") if name in before
    }
    for name in ("near_duplicates", "personal_data"):
        if (pieces / f"{name}.json").exists():
            found[name] = json.loads((pieces / f"{name}.json").read_text(encoding="utf-8"))
    if (pieces / "data.json").exists():
        rows = json.loads((pieces / "data.json").read_text(encoding="utf-8"))
        found["prepare_1m"] = {("peak_memory_bytes" if key == "peak_bytes" else key): rows[key] for key in rows}
    if stages := of_stages(pieces, before.get("stages", {})):
        found["stages"] = stages
    return found


def of_stages(pieces: Path, before: dict[str, Any]) -> dict[str, Any]:
    """What each stage costs by kind of rows, and what stands beside some; what has no piece stays as it was."""
    found: dict[str, Any] = {}
    for kind in KINDS:
        files = {stage: pieces / f"stage-{kind}-{stage}.json" for stage in STAGES}
        new = {stage: json.loads(file.read_text(encoding="utf-8")) for stage, file in files.items() if file.exists()}
        if each := before.get(kind, {}) | new:
            found[kind] = {stage: each[stage] for stage in STAGES if stage in each}
    for peer in PEERS:
        file = pieces / f"peer-{peer}.json"
        if file.exists():
            found[peer] = json.loads(file.read_text(encoding="utf-8"))
        elif peer in before:
            found[peer] = before[peer]
    return found


def data_lines(data: dict[str, Any]) -> list[str]:
    """The table's part about preparing data."""
    lines: list[str] = []
    if near := data.get("near_duplicates"):
        lines += ["### Near duplicates", "", "| | documents/s | ours over it | bar |", "|---|---|---|---|"]
        spread = f"{near['lowest']:,} to {near['highest']:,}, {near['repeats']} repeats"
        lines += [f"| Tunewright, every pair verified | {near['documents_per_s']:,} ({spread}) | | |"]
        sides = (
            ("rensa alone over words", "rensa_words", "at least 0.7"),
            ("rensa alone over the same shingles", "rensa_shingles", ""),
            ("datatrove", "datatrove", "at least 30"),
        )
        for name, key, bar in sides:
            lines += [f"| {name} | {near[f'{key}_documents_per_s']:,} | {near[f'ratio_{key}']:.2f} | {bar} |"]
        lines += [
            "",
            f"Of {near['planted_pairs']:,} planted pairs of similarity 0.7 and more {near['recall']:.2%} were found "
            f"(bar 98 %), and {near['false_merges']} of {near['removed']:,} rows went for a row less alike than that.",
            "",
        ]
    if private := data.get("personal_data"):
        lines += ["### Personal data", ""]
        lines += [
            f"{private['rows_per_s']:,} documents of {private['characters_a_row']:,} characters a second, one thread.",
            "",
        ]
    if rows := data.get("prepare_1m"):
        lines += ["### A million chat rows", ""]
        lines += ["| steps | rows | rows/s | peak memory | time of 1,000,000 over time of 100,000 |"]
        lines += ["|---|---|---|---|---|"]
        memory = f"{rows['peak_memory_bytes'] / 1e9:.2f} GB"
        steps = rows.get("steps", "deduplicate")
        lines += [f"| {steps} | {rows['rows']:,} | {rows['rows_per_s']:,.0f} | {memory} | {rows['time_ratio']:.1f} |"]
        lines += ["", *growth_lines(rows)]
    return lines + stage_lines(data.get("stages", {}))


def growth_lines(rows: dict[str, Any]) -> list[str]:
    """Time and memory of fewer rows beside those of a million."""
    if not rows.get("growth"):
        return []
    lines = [
        f"Does time grow in line with rows? Processor time, {rows['start_cpu_s']:.1f} s of start-up taken off:",
        "",
    ]
    lines += ["| rows | seconds | processor time a row | peak memory |", "|---|---|---|---|"]
    for each in rows["growth"]:
        memory = f"{each['peak_bytes'] / 1e9:.2f} GB"
        lines += [f"| {each['rows']:,} | {each['seconds']:.1f} | {each['cpu_us_per_row']:,.0f} µs | {memory} |"]
    return [*lines, ""]


def stage_lines(stages: dict[str, Any]) -> list[str]:
    """The tables of stages and of what stands beside some of them."""
    lines: list[str] = []
    for kind, name in KINDS.items():
        if kind not in stages:
            continue
        lines += [f"### Stage by stage: {name}", ""]
        lines += ["| stage | rows | rows/s | MB/s | peak memory |", "|---|---|---|---|---|"]
        for stage, each in stages[kind].items():
            memory = f"{each['peak_memory_bytes'] / 1e9:.2f} GB"
            more = f", {each['tokens'] / each['cpu_s']:,.0f} tokens/s" if each["tokens"] else ""
            cells = f"{each['rows']:,} | {each['rows_per_s']:,}{more} | {each['mb_per_s']:.1f} | {memory}"
            lines += [f"| {stage.replace('_', ' ')} | {cells} |"]
        lines += [""]
    for peer, (title, name) in PEERS.items():
        if peer not in stages:
            continue
        found = stages[peer]
        lines += [f"### {title}", "", f"{found['documents']:,} documents, one run, one thread, by processor time.", ""]
        lines += ["| | documents/s | peak memory |", "|---|---|---|"]
        for side, key in (("Tunewright", ""), (name, f"{peer}_")):
            memory = f"{found[f'{key}peak_memory_bytes'] / 1e9:.2f} GB"
            lines += [f"| {side} | {found[f'{key}documents_per_s']:,.0f} | {memory} |"]
        lines += ["", f"Ours over it: {found['ratio']:.1f}.", ""]
        if "recall" in found:
            lines += ["| planted values found | Tunewright | Presidio |", "|---|---|---|"]
            theirs = found[f"{peer}_recall"]
            lines += [f"| {kind} | {share:.1%} | {theirs[kind]:.1%} |" for kind, share in found["recall"].items()]
            lines += [""]
    return lines


def data_missed(data: dict[str, Any]) -> list[str]:
    """A sentence for every bar that is missed."""
    near, rows = data.get("near_duplicates", {}), data.get("prepare_1m", {})
    found = [f"near duplicates: {key} is {near[key]}, the bar is at least {bar}" for key, bar in BARS.items() if near]
    missed = [text for text, (key, bar) in zip(found, BARS.items(), strict=False) if near[key] < bar]
    if near.get("false_merges"):
        missed.append(f"near duplicates: {near['false_merges']} rows went for a row that is not alike")
    if rows and rows["peak_memory_bytes"] > MEMORY_BAR_BYTES:
        missed.append(f"a million rows take {rows['peak_memory_bytes']:,} bytes, the bar is 3 GB")
    return missed
