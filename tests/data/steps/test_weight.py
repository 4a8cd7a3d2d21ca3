"""Weights by column and source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from tests.data.steps.random_rows import check_laws, made, some_rows
from tunewright.core.errors import UserError
from tunewright.core.ports import Details, Row
from tunewright.data.steps.weight import Work
from tunewright.recipe.options.steps.weight import Options


def with_column(value: str | None, weight: float | None = None) -> Row:
    """A row with a value in the column `w`."""
    details = Details(columns={} if value is None else {"w": value})
    if weight is not None:
        details["weight"] = weight
    return replace(made(1, "a", "x"), details=details)


def weights(step: Work, rows: list[Row]) -> list[float]:
    """Of the rows that stay."""
    return [row.details.get("weight", 1.0) for row in step.apply({"train": rows}).rows["train"]]


@settings(deadline=None)
@given(some_rows())
def test_laws(rows) -> None:
    options = Options(column="score", sources={"y*": 0.5})
    done = check_laws(Work(options), rows, shuffled=rows[::-1])
    for row in done.rows["train"]:
        score = float(row.details["columns"]["score"])
        assert row.details.get("weight", 1.0) == score * (0.5 if row.source == "y.jsonl" else 1) > 0
    assert {gone.reason for gone in done.gone} <= {"weight.zero"}
    assert len(done.gone) == sum(row.details["columns"]["score"] == "0" for row in rows)


def test_weights_multiply_and_the_first_pattern_counts() -> None:
    step = Work(Options(column="w", sources={"x.*": 0.5, "*": 9}, missing=3))
    assert weights(step, [with_column("4"), with_column(None), with_column(" 1e1 ", 2.0)]) == [2.0, 1.5, 10.0]


@pytest.mark.parametrize("value", ["-1", "nan", "inf", "1e9", "heavy"])
def test_what_is_no_weight_is_refused_or_dropped(value: str) -> None:
    with pytest.raises(UserError, match=f'x.jsonl:2: "{value}" in the column w is no weight'):
        weights(Work(Options(column="w")), [with_column(value)])
    done = Work(Options(column="w", unreadable="drop")).apply({"train": [with_column(value)]})
    assert [gone.reason for gone in done.gone] == ["weight.unreadable"]


@pytest.mark.parametrize("bad", [-1, float("nan"), float("inf")])
def test_a_source_cannot_weigh_what_is_no_weight(bad: float) -> None:
    with pytest.raises(ValidationError):
        Options(sources={"*": bad})
