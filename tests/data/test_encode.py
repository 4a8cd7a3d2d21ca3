"""Batches are bounded and lose no row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.builders import row
from tunewright.data import step
from tunewright.data.step import batches


@given(st.lists(st.integers(1, 30), max_size=40))
def test_batches_are_bounded_and_in_order(sizes: list[int]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(step, "BATCH_ROWS", 5)
        patch.setattr(step, "BATCH_CHARACTERS", 60)
        rows = [row("x" * size, line=index) for index, size in enumerate(sizes)]
        found = list(batches(rows))
    assert [item for batch in found for item in batch] == rows
    assert all(0 < len(batch) <= 5 for batch in found)
    assert all(sum(len(item.prompt[0]["content"]) + 3 for item in batch[:-1]) < 60 for batch in found)
