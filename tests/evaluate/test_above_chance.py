"""Which tasks count: exact bounds, compared with statsmodels and with hand-made cases."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Details
from tunewright.evaluate.above_chance import counted_tasks
from tunewright.evaluate.own_rows import choice, document


def answered(task: str, *, right: int, of: int, choices: int = 4) -> list[AnsweredRow]:
    """Rows of a task, so many of them right."""
    names = [f"c{number}" for number in range(choices)]
    details = Details(choices=names, attribute=task)
    rows = [choice(f"{task} {number}", answer="c0", details=details) for number in range(of)]
    return [AnsweredRow(row, "", predicted="c0" if at < right else "c1") for at, row in enumerate(rows)]


@pytest.mark.parametrize("seed", range(20))
def test_the_verdict_is_that_of_an_exact_interval_by_others(seed: int) -> None:
    generator = np.random.default_rng(seed)
    of, choices = int(generator.integers(5, 80)), int(generator.integers(2, 6))
    for right in range(of + 1):
        low = proportion_confint(right, of, alpha=0.05, method="beta")[0]
        counted, dropped = counted_tasks(answered("a", right=right, of=of, choices=choices))
        assert counted == ({"a"} if low > 1 / choices else set())
        assert set(dropped) == {"a"} - counted


def test_a_dropped_task_says_why() -> None:
    rows = [*answered("easy", right=40, of=48), *answered("hard", right=13, of=48), *answered("empty", right=0, of=1)]
    counted, dropped = counted_tasks(rows)
    assert counted == {"easy"}
    assert list(dropped) == ["empty", "hard"]
    assert "13 of 48" in dropped["hard"]
    assert "not above chance (25.0%)" in dropped["hard"]


def test_chance_is_the_mean_of_rows_with_different_numbers_of_choices() -> None:
    """Ten rows of two choices and ten of five: chance is 35 %; 11 of 20 right has a lower bound of 31.5 %."""
    rows = [*answered("a", right=6, of=10, choices=2), *answered("a", right=5, of=10, choices=5)]
    assert "chance (35.0%)" in counted_tasks(rows)[1]["a"]


def test_an_answer_that_is_none_is_wrong() -> None:
    rows = [AnsweredRow(each.row, "") for each in answered("a", right=30, of=30)]
    assert "0 of 30" in counted_tasks(rows)[1]["a"]


def test_rows_without_task_or_choices_are_passed_over() -> None:
    assert counted_tasks([]) == (set(), {})
    assert counted_tasks([AnsweredRow(document("a"), ""), AnsweredRow(document("a", Details(attribute="b")), "")]) == (
        set(),
        {},
    )
