"""A column that is not there is named beside those that are."""

from __future__ import annotations

import pytest

from tunewright.core.ports import RowProblem
from tunewright.data.columns import required_text


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ({"a": 1, "b": 2}, 'there is no "queue"; there is: a, b'),
        ({}, 'there is no "queue"; there is: nothing'),
        ({"queue": None}, '"queue" is null'),
    ],
)
def test_a_missing_column_says_what_there_is(value: dict, detail: str) -> None:
    with pytest.raises(RowProblem) as caught:
        required_text(value, "queue")
    assert (caught.value.reason, caught.value.detail) == ("missing_column", detail)


def test_wide_rows_are_not_listed_whole() -> None:
    with pytest.raises(RowProblem) as caught:
        required_text({f"{number}{'x' * 1000}": 1 for number in range(1000)}, "queue")
    assert len(caught.value.detail) < 500
    assert caught.value.detail.endswith(", ...")
