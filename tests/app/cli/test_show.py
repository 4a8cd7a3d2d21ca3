"""Why a turn is trained or not."""

from __future__ import annotations

import pytest

from tunewright.app.cli.verbs.show import reason, refuse_outside
from tunewright.core.errors import UserError

ANSWER = {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(
    ("turn", "loss_on", "last", "trained"),
    [
        ({"role": "user", "content": "q"}, "answers", False, False),
        ({"role": "user", "content": "q"}, "all", False, True),
        (ANSWER, "answers", False, True),
        (ANSWER, "last_answer", False, False),
        (ANSWER, "last_answer", True, True),
        (ANSWER | {"weight": 0}, "answers", True, False),
        (ANSWER | {"weight": 0}, "all", True, False),
    ],
)
def test_reasons(turn: dict, loss_on: str, last: bool, trained: bool) -> None:
    assert reason(turn, loss_on, last=last).startswith("trained" if trained else "not trained")


@pytest.mark.parametrize(
    ("row", "count", "sentence"),
    [
        (0, 0, "--split test: test has no rows. Choose another split."),
        (3, 3, "--row 3: there is no row 3 in test. It has rows 0 to 2."),
        (-1, 3, "--row -1: there is no row -1 in test. It has rows 0 to 2."),
    ],
)
def test_a_row_that_is_not_there(row: int, count: int, sentence: str) -> None:
    with pytest.raises(UserError) as caught:
        refuse_outside(row, "test", count=count)
    assert str(caught.value) == sentence


def test_rows_that_are_there_pass() -> None:
    assert [refuse_outside(row, "test", count=3) for row in range(3)] == [None] * 3
