"""What a step hides stands in no file of the data set, whatever the steps before it showed."""

from __future__ import annotations

import json
import random
from pathlib import Path

from tests.data.builders import prepared, workspace_of, write_jsonl
from tunewright.text.chat import ChatFormat

SECRET = "maria.keller@clinic.example.org"


def test_an_address_is_in_no_file_of_the_data_set(tmp_path: Path, chat: ChatFormat) -> None:
    rng = random.Random(1)
    words = [f"{a}{b}" for a in "bcdfgh" for b in "aeiou"]
    rows = [{"text": " ".join(rng.choices(words, k=30)), "label": "a"} for _ in range(30)]
    told = f"write to {SECRET} " + " ".join(rng.choices(words, k=40))
    rows += [
        {"text": told + "  \u200b", "label": "a"},
        {"text": told, "label": "a"},
        {"text": told + " ba", "label": "a"},
    ]
    write_jsonl(tmp_path / "rows.jsonl", rows)
    steps = ["deduplicate", "near_duplicates", "clean", "personal_data"]
    version = prepared(tmp_path, chat, options={"train": "rows.jsonl", "steps": steps})
    folder = workspace_of(tmp_path).datasets / version.name
    assert version.receipt.rows.changed["personal_data.email"] == 1
    assert version.receipt.rows.duplicate == 2
    holding = [path.name for path in folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert holding == []
    samples = json.loads((folder / "samples.json").read_text())
    assert "before" not in samples["near_duplicates"][0]
    assert "[EMAIL]" in samples["personal_data.email"][0]["after"]


def test_without_such_a_step_texts_are_shown(tmp_path: Path, chat: ChatFormat) -> None:
    write_jsonl(tmp_path / "rows.jsonl", [{"text": f"row {n}  end", "label": "a"} for n in range(30)])
    version = prepared(
        tmp_path, chat, options={"train": "rows.jsonl", "steps": [{"type": "clean", "white_space": "all"}]}
    )
    samples = json.loads((workspace_of(tmp_path).datasets / version.name / "samples.json").read_text())
    first = samples["clean.white_space"][0]
    assert first["before"].startswith("user: row") and "  end" in first["before"] and "  end" not in first["after"]
