"""Why a turn is trained or not."""

from __future__ import annotations

import pytest

from tunewright.app.cli.verbs.show import reason

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
