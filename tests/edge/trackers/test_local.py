"""The table of a run's numbers, as pandas reads it."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import pandas
import pytest

from tunewright.core.ports import Measured, TrackedRun
from tunewright.edge.trackers.local import Work
from tunewright.recipe.options.trackers.local import Options


@pytest.fixture
def run(tmp_path: Path) -> TrackedRun:
    return TrackedRun("table", "a" * 64, tmp_path, {}, {})


def opened(run: TrackedRun) -> Work:
    work = Work(Options())
    work.open(run)
    return work


def rows(run: TrackedRun) -> list[dict[str, str]]:
    with (run.folder / "metrics.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def loss(step: int, value: float) -> Measured:
    return Measured(step, 100.0 + step, {"loss": value})


def test_a_row_a_step_in_which_the_validation_joins_its_step(run: TrackedRun) -> None:
    work = opened(run)
    work.send([loss(1, 0.5), loss(2, 0.25)])
    work.send([Measured(2, 103.0, {"validation_loss": 0.7})])
    work.send([loss(3, 1e-300), loss(4, float("nan"))])
    work.close(status="done", results={})
    assert [(row["step"], row["loss"], row["validation_loss"]) for row in rows(run)] == [
        ("1", "0.5", ""),
        ("2", "0.25", "0.7"),
        ("3", "1e-300", ""),
        ("4", "nan", ""),
    ]


def test_pandas_reads_it_bit_for_bit(run: TrackedRun) -> None:
    rng = random.Random(5)
    values = [rng.uniform(-1, 1) * 10 ** rng.randint(-30, 30) for _ in range(200)]
    opened(run).send([loss(step, value) for step, value in enumerate(values, 1)])
    table = pandas.read_csv(run.folder / "metrics.csv")
    assert list(table["loss"]) == values
    assert list(table["step"]) == list(range(1, 201))


def test_any_order_of_going_back_ends_with_the_last_word_on_every_step(run: TrackedRun) -> None:
    rng = random.Random(9)
    work, expected, step = opened(run), {}, 0
    for _ in range(300):
        step = rng.randint(1, max(1, step)) if rng.random() < 0.1 else step + 1
        numbers = Measured(step, 0.0, {"loss": rng.random()} | ({"late": 1.0} if rng.random() < 0.2 else {}))
        expected = {old: row for old, row in expected.items() if old < step} | {step: numbers.values}
        work.send([numbers])
    found = {int(row["step"]): row for row in rows(run)}
    assert {step: float(row["loss"]) for step, row in found.items()} == {s: v["loss"] for s, v in expected.items()}
    assert {step for step, row in found.items() if row["late"]} == {s for s, v in expected.items() if "late" in v}


def test_a_new_process_begins_the_table_anew(run: TrackedRun) -> None:
    opened(run).send([loss(1, 0.5), loss(2, 0.5)])
    opened(run).send([loss(1, 0.125)])
    assert [row["loss"] for row in rows(run)] == ["0.125"]
