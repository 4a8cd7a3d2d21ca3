"""The demo's data: balanced, without twins across splits, and what the script makes."""

from __future__ import annotations

import csv
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest
from make_icd_sample import (
    FOLDER,
    ROWS_PER_SYSTEM,
    SYSTEMS,
    Diagnosis,
    deal,
    main,
    sample,
    take_in_turn,
    without_equals,
)


def committed() -> dict[str, list[dict[str, str]]]:
    return {
        split: list(csv.DictReader((FOLDER / f"{split}.csv").open(encoding="utf-8", newline="")))
        for split in ROWS_PER_SYSTEM
    }


def test_every_label_has_its_rows_in_every_split() -> None:
    for split, rows in committed().items():
        assert Counter(row["system"] for row in rows) == dict.fromkeys(SYSTEMS.values(), ROWS_PER_SYSTEM[split])


def test_labels_are_single_words() -> None:
    assert all(label.isalpha() and label.islower() for label in SYSTEMS.values())
    assert len(set(SYSTEMS.values())) == 12


def test_no_category_and_no_text_crosses_splits() -> None:
    rows = [(split, row) for split, rows in committed().items() for row in rows]
    sides: dict[str, set[str]] = {}
    for split, row in rows:
        sides.setdefault(row["code"][:3], set()).add(split)
    assert all(len(side) == 1 for side in sides.values())
    texts = Counter(row["diagnosis"].casefold() for _split, row in rows)
    assert texts.most_common(1)[0][1] == 1


def test_committed_files_are_what_the_script_makes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_check_notices_one_changed_letter(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ROWS_PER_SYSTEM:
        shutil.copy(FOLDER / f"{split}.csv", tmp_path)
    text = (tmp_path / "test.csv").read_text()
    (tmp_path / "test.csv").write_text(text.replace("unspecified", "Unspecified", 1))
    assert main(["--check", "--folder", str(tmp_path)]) == 1
    assert "test.csv differ" in capsys.readouterr().out


def test_an_equal_text_in_two_codes_is_left_out() -> None:
    pair = [Diagnosis("A00.1", "Cough", "eye"), Diagnosis("B00.1", "COUGH", "ear"), Diagnosis("B00.2", "Itch", "ear")]
    assert without_equals(pair) == pair[2:]


def test_too_few_diagnoses_are_an_error() -> None:
    with pytest.raises(ValueError, match="1 diagnoses for 2 rows"):
        take_in_turn([[Diagnosis("A00.1", "Cough", "eye")]], 2)


def test_rows_come_from_the_categories_in_turn() -> None:
    first, second = ([Diagnosis(f"{letter}00.{i}", f"{letter}{i}", "eye") for i in range(3)] for letter in "AB")
    assert [row.code for row in take_in_turn([first, second], 4)] == ["A00.0", "B00.0", "A00.1", "B00.1"]


def test_the_seed_decides() -> None:
    rows = [
        Diagnosis(f"{system[:1]}{category:02d}.{leaf}", f"{system} {category} {leaf}", system)
        for system in SYSTEMS.values()
        for category in range(20)
        for leaf in range(12)
    ]
    assert sample(rows, 1) == sample(rows[::-1], 1)
    assert sample(rows, 1) != sample(rows, 2)


def test_a_large_category_does_not_fill_a_split_alone() -> None:
    large = {"A00": [Diagnosis(f"A00.{i}", f"a{i}", "eye") for i in range(500)]}
    small = {f"B{i:02d}": [Diagnosis(f"B{i:02d}.{j}", f"b{i} {j}", "eye") for j in range(12)] for i in range(20)}
    dealt = deal({**large, **small}, random.Random(0))
    assert all(len(categories) >= 2 for categories in dealt.values())
