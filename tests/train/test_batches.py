"""The order of rows and their packs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import UserError
from tunewright.train.batches import Order, micro_batches


@given(st.integers(1, 200), st.integers(1, 40), st.integers(0, 5))
def test_every_epoch_sees_every_row_once(rows: int, batch_size: int, seed: int) -> None:
    order = Order(rows, batch_size, seed)
    for epoch in range(2):
        first = epoch * order.steps_per_epoch + 1
        seen = np.concatenate([order.rows_of(first + step) for step in range(order.steps_per_epoch)])
        assert sorted(seen.tolist()) == list(range(rows))


def test_the_order_depends_on_epoch_and_seed_only() -> None:
    one, other = Order(50, 50, 1), Order(50, 50, 2)
    assert one.rows_of(1).tolist() == Order(50, 50, 1).rows_of(1).tolist()
    assert one.rows_of(1).tolist() != one.rows_of(2).tolist()
    assert one.rows_of(1).tolist() != other.rows_of(1).tolist()


def test_steps_follow_epochs_unless_a_number_is_given() -> None:
    order = Order(100, 16, 0)
    assert order.steps_per_epoch == 7
    assert order.total_steps(epochs=2, max_steps=None) == 14
    assert order.total_steps(epochs=0.01, max_steps=None) == 1
    assert order.total_steps(epochs=2, max_steps=60) == 60


@given(st.lists(st.integers(1, 100), min_size=1, max_size=60), st.integers(100, 400))
def test_packs_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    rows = np.arange(len(lengths))
    packs = list(micro_batches(rows, np.array(lengths), budget_tokens=budget))
    assert sorted(row for pack in packs for row in pack) == rows.tolist()
    assert all(sum(lengths[row] for row in pack) <= budget for pack in packs)


def test_a_row_over_the_budget_is_an_error_with_the_key() -> None:
    with pytest.raises(UserError, match=r"training.micro_batch_tokens: the longest example has 50 tokens"):
        list(micro_batches(np.arange(2), np.array([3, 50]), budget_tokens=20))
