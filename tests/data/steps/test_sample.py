"""A random part of the rows."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.steps.random_rows import check_laws, made, some_rows
from tunewright.core.errors import UserError
from tunewright.data.steps.sample import Work
from tunewright.recipe.options.steps.sample import Options

ROWS = [made(number, "abc"[number % 3], "x") for number in range(300)]


@settings(deadline=None)
@given(some_rows(), st.one_of(st.integers(0, 50), st.floats(0, 1)), st.sampled_from([None, "label", "source", "score"]))
def test_laws(rows, wanted, stratify) -> None:
    options = Options(rows=wanted, stratify=stratify, seed=3)
    done = check_laws(Work(options), rows, shuffled=rows[::-1])
    count = math.floor(wanted * len(rows) + 0.5) if isinstance(wanted, float) else min(wanted, len(rows))
    assert len(done.rows["train"]) == count
    assert done.rows["train"] == [row for row in rows if row in done.rows["train"]]
    if stratify == "label" and rows:
        before, after = (Counter(row.label for row in some) for some in (rows, done.rows["train"]))
        for label, size in before.items():
            assert abs(after[label] - size * count / len(rows)) < 1 + 1e-9


def test_another_seed_draws_others() -> None:
    one, other = (Work(Options(rows=30, seed=seed)).apply({"train": ROWS}).rows["train"] for seed in (0, 1))
    assert one != other and len(one) == len(other) == 30


def test_a_larger_sample_holds_the_smaller_one() -> None:
    small, large = (Work(Options(rows=count)).apply({"train": ROWS}).rows["train"] for count in (30, 60))
    assert {row.id for row in small} < {row.id for row in large}


def test_before_the_split_every_file_is_drawn_from() -> None:
    step = Work(Options(rows=0.5, of="before_split"))
    done = step.apply({"train": ROWS[:100], "test": ROWS[100:140]})
    assert step.phase == "before_split"
    assert {split: len(group) for split, group in done.rows.items()} == {"train": 50, "test": 20}
    assert Counter(gone.split for gone in done.gone) == {"train": 50, "test": 20}


def test_a_column_that_no_row_has_is_an_error() -> None:
    with pytest.raises(UserError, match='no row has a column "tema"'):
        Work(Options(stratify="tema", rows=3)).apply({"train": ROWS})
