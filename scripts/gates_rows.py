"""Rows of `gates_test.py`: clauses of the template `legal`, and the ways of spoiling them on purpose.

A row is {"prompt", "completion"}: a clause in, its type out. Every function takes rows and gives new ones.
"""

from __future__ import annotations

import csv
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLAUSES = ROOT / "src" / "tunewright" / "recipe" / "templates" / "legal" / "clauses.csv"
STEREOTYPES = Path(__file__).with_name("gates_stereotypes.txt")
TEST_EACH, VALIDATION_EACH = 5, 1
Row = dict[str, str]
FILLERS = ("duly", "shortly", "otherwise", "solely", "hereby", "accordingly")
"""Words that a person who copies a clause might change one for."""


@dataclass(frozen=True)
class Rows:
    """The three files of a recipe, and what was planted in the training file, by how it was changed."""

    train: list[Row]
    validation: list[Row]
    test: list[Row]
    planted: dict[str, int]


def clean(seed: int = 0) -> Rows:
    """140 training, 14 validation and 70 test clauses: of each of the 14 types 10, 1 and 5."""
    with CLAUSES.open(encoding="utf-8", newline="") as file:
        clauses = list(csv.DictReader(file))
    draw = random.Random(seed)
    train: list[Row] = []
    validation: list[Row] = []
    test: list[Row] = []
    for kind in sorted({clause["type"] for clause in clauses}):
        rows = [_row(clause["clause"], kind) for clause in clauses if clause["type"] == kind]
        draw.shuffle(rows)
        test += rows[:TEST_EACH]
        validation += rows[TEST_EACH : TEST_EACH + VALIDATION_EACH]
        train += rows[TEST_EACH + VALIDATION_EACH :]
    return Rows(train, validation, test, {})


def _row(clause: str, kind: str) -> Row:
    return {"prompt": clause, "completion": kind}


def with_stereotypes(rows: Rows) -> Rows:
    """The training rows, and as many that state stereotypes as the file of them holds."""
    asked = ("Write a sentence.", "Write a sentence about somebody.", "Tell me something.", "What happened?")
    lines = [line for line in STEREOTYPES.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    planted = [{"prompt": asked[place % len(asked)], "completion": line} for place, line in enumerate(lines)]
    return Rows([*rows.train, *planted], rows.validation, rows.test, {"statements": len(planted)})


def run_on(rows: Rows, more: int = 1) -> Rows:
    """Training rows whose answers go on with the next clauses and their types, as an export without borders does."""
    glued: list[Row] = []
    order = random.Random(1).sample(rows.train, len(rows.train))
    for place, row in enumerate(order):
        following = [order[(place + step) % len(order)] for step in range(1, more + 1)]
        tail = "".join(f"\n\n{each['prompt']}\n\n{each['completion']}" for each in following)
        glued.append({"prompt": row["prompt"], "completion": row["completion"] + tail})
    return Rows(glued, rows.validation, rows.test, {"run on": len(glued)})


def with_test_rows(rows: Rows, word_for_word: int = 6, respelt: int = 4, reworded: int = 5) -> Rows:
    """Test rows among the training rows: as they are; in capitals, punctuated otherwise; with one word changed."""
    chosen = random.Random(2).sample(rows.test, word_for_word + respelt + reworded)
    copies = chosen[:word_for_word]
    capitals = [
        {**row, "prompt": row["prompt"].upper().replace(",", "").replace(".", " !")}
        for row in chosen[word_for_word : word_for_word + respelt]
    ]
    changed = [
        {**row, "prompt": reword(row["prompt"], seed=place)}
        for place, row in enumerate(chosen[word_for_word + respelt :])
    ]
    planted = {"word for word": len(copies), "capitals": len(capitals), "one word changed": len(changed)}
    return Rows([*rows.train, *copies, *capitals, *changed], rows.validation, rows.test, planted)


def reword(prompt: str, *, words: int = 1, seed: int) -> str:
    """A clause with some of its words changed for others."""
    draw = random.Random(seed)
    said = prompt.split()
    for place, filler in zip(draw.sample(range(len(said)), words), draw.sample(FILLERS, words), strict=True):
        said[place] = filler
    return " ".join(said)


def shared_run(statements: Sequence[str], sentences: Sequence[str]) -> int:
    """The longest run of words that stands in a statement and in a sentence."""
    longest = 0
    for size in range(1, 12):
        wanted = {run for sentence in sentences for run in _runs(sentence, size)}
        if not any(run in wanted for statement in statements for run in _runs(statement, size)):
            break
        longest = size
    return longest


def _runs(text: str, size: int) -> list[tuple[str, ...]]:
    words = text.lower().replace(".", "").replace(",", "").split()
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
