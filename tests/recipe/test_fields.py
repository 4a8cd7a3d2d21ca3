"""Shares, counts and sizes as people write them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tunewright.recipe.recipe import LimitOptions, SplitOptions
from tunewright.recipe.training import CheckpointOptions


@pytest.mark.parametrize(
    ("written", "meant"), [(1, 1), (0, 0), (250, 250), (1.0, 1.0), (0.01, 0.01), ("5%", 0.05), ("100 %", 1.0)]
)
def test_a_whole_number_is_rows_and_everything_else_a_share(written: Any, meant: float) -> None:
    found = LimitOptions(truncated_rows=written).truncated_rows
    assert found == meant
    assert isinstance(found, type(meant))


@pytest.mark.parametrize("written", [1.5, -1, -0.1, "x", "150%", True, float("nan")])
def test_what_is_neither_is_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        LimitOptions(truncated_rows=written)


def test_a_share_may_be_a_percentage_and_a_size_may_have_a_unit() -> None:
    assert SplitOptions.model_validate({"validation": "20%"}).validation == 0.2
    assert CheckpointOptions.model_validate({"disk_budget": "1.5 GB"}).disk_budget == 1_500_000_000
