"""From measured pieces to the key `data` of docs/benchmarks.json, and to the rows and bars of its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BARS = {"ratio_datatrove": 30.0, "ratio_rensa_words": 0.7, "recall": 0.98}
"""Of near duplicates, at least. rensa over words does less work than over shingles, and is the harder bar."""
MEMORY_BAR_BYTES = 3e9


def of_data(pieces: Path, before: dict[str, Any]) -> dict[str, Any]:
    """The key, with what was measured; what has no piece stays as it was."""
    found = {name: before[name] for name in ("near_duplicates", "prepare_1m", "personal_data") if name in before}
    for name in ("near_duplicates", "personal_data"):
        if (pieces / f"{name}.json").exists():
            found[name] = json.loads((pieces / f"{name}.json").read_text(encoding="utf-8"))
    if (pieces / "data.json").exists():
        rows = json.loads((pieces / "data.json").read_text(encoding="utf-8"))
        found["prepare_1m"] = {("peak_memory_bytes" if key == "peak_bytes" else key): rows[key] for key in rows}
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
