"""Templates are copied whole, and nothing is overwritten."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tunewright.app.cli.main import main
from tunewright.app.cli.verbs.init import TEMPLATES, names


@pytest.mark.parametrize("name", names())
def test_a_template_is_copied_and_good(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "a" / "task"
    assert main(["init", str(folder), "--template", name]) == 0
    for file in (TEMPLATES / name).iterdir():
        assert (folder / file.name).read_bytes() == file.read_bytes()
    assert main(["check", str(folder)]) == 0
    assert f"Next: tunewright run {folder}" in capsys.readouterr().out


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "recipe.yaml").write_text("mine")
    assert main(["init", str(tmp_path)]) == 2
    assert "recipe.yaml: this file exists already." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["recipe.yaml"]
    assert (tmp_path / "recipe.yaml").read_text() == "mine"
    assert main(["init", str(tmp_path / "recipe.yaml")]) == 2


def test_an_unknown_template_gets_the_nearest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "x"), "--template", "clasification"]) == 2
    assert 'Did you mean "classification"?' in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_the_classification_rows_are_balanced_and_apart() -> None:
    rows = {}
    for split in ("train", "validation", "test"):
        with (TEMPLATES / "classification" / f"{split}.csv").open(encoding="utf-8", newline="") as file:
            rows[split] = list(csv.DictReader(file))
    assert {split: len(found) for split, found in rows.items()} == {"train": 240, "validation": 60, "test": 60}
    for split, found in rows.items():
        counts = {label: sum(row["system"] == label for row in found) for label in {row["system"] for row in found}}
        assert set(counts.values()) == {len(rows[split]) // 6}
    texts = [row["diagnosis"].casefold() for found in rows.values() for row in found]
    assert len(set(texts)) == len(texts)


def test_the_conversations_are_whole() -> None:
    lines = (TEMPLATES / "chat" / "conversations.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 60
    for line in lines:
        turns = json.loads(line)["messages"]
        assert [turn["role"] for turn in turns] == ["user", "assistant"] * (len(turns) // 2)
        assert all(turn["content"].strip() for turn in turns)


def test_the_list_says_data_rules_and_gates(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "--list"]) == 0
    said = capsys.readouterr().out
    assert all(f"{name}: " in said for name in names())
    assert main(["init", "--list", "--json"]) == 0
    found = {each["template"]: each for each in json.loads(capsys.readouterr().out)["templates"]}
    assert found["healthcare"]["steps"][0] == "personal_data"
    assert "contaminated of contamination" in found["legal"]["gates"]
    assert found["classification"]["steps"] == [
        "clean",
        "deduplicate",
        "near_duplicates",
        "personal_data",
        "contamination",
    ]


def test_without_a_folder_it_says_what_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 2
    assert "tunewright init --list" in capsys.readouterr().err
