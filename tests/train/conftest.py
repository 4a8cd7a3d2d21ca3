"""A small task for the tiny model: 60 labelled rows, twelve steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

COLOURS = {"red": ["blood", "fire", "rose"], "green": ["grass", "leaf", "moss"], "blue": ["sky", "sea", "ice"]}


@pytest.fixture
def recipe(tmp_path: Path, tiny_model_folder: Path) -> Path:
    """A recipe over 60 labelled rows for the tiny model."""
    rows = [
        {"text": f"The colour of {thing} number {number}?", "label": colour}
        for colour, things in COLOURS.items()
        for thing in things
        for number in range(7)
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    path = tmp_path / "recipe.yaml"
    path.write_text(
        "name: colours\n"
        f"model: {{name: {tiny_model_folder}, precision: fp32}}\n"
        "data: rows.jsonl\n"
        "training: {max_steps: 12, batch_size: 4, learning_rate: 1e-2, checkpoint_every: 3, evaluate_every: 4,\n"
        "  micro_batch_tokens: 256, seed: 5}\n",
        encoding="utf-8",
    )
    return path
