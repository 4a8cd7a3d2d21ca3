"""Exact duplicates: one copy stays, in the split where it matters most."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.data.builders import row
from tunewright.data.rows import content_key
from tunewright.data.steps.deduplicate import Work
from tunewright.recipe.options.steps.deduplicate import Options

ROWS = st.lists(st.builds(row, st.sampled_from("abcde"), st.sampled_from([None, "x", "y"])), max_size=12)


def test_the_first_stays_and_test_wins_over_train() -> None:
    first, second = row("a", line=1), row("a", line=2)
    result = Work(Options()).apply({"train": [first, row("b"), second], "test": [row("b", line=9)]})
    assert result.rows == {"train": [first], "test": [row("b", line=9)]}
    assert [(gone.row.line, gone.split, gone.fate, gone.reason) for gone in result.gone] == [
        (1, "train", "duplicate", "duplicate_of_test"),
        (2, "train", "duplicate", "duplicate_of_train"),
    ]


@given(ROWS, ROWS, ROWS)
def test_laws(train: list, validation: list, test: list) -> None:
    given_rows = {"train": train, "validation": validation, "test": test}
    result = Work(Options()).apply(given_rows)
    kept = [content_key(found) for group in result.rows.values() for found in group]
    assert len(kept) == len(set(kept))
    assert set(kept) == {content_key(found) for group in given_rows.values() for found in group}
    assert len(kept) + len(result.gone) == sum(map(len, given_rows.values()))
    assert {content_key(found) for found in result.rows["test"]} == {content_key(found) for found in test}
