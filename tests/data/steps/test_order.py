"""The order of training rows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.data.steps.random_rows import check_laws, made, some_rows
from tunewright.core.errors import UserError
from tunewright.data.context import Context
from tunewright.data.steps.order import Work
from tunewright.data.token_counts import token_counts
from tunewright.recipe.options.steps.order import Options
from tunewright.text.chat import ChatFormat

ROWS = [made(number * 7, "ab"[number % 2], "x") for number in range(50)]


def characters(row) -> int:
    """Of all turns."""
    return sum(len(turn["content"]) for turn in row.messages)


@settings(deadline=None)
@given(some_rows(), st.sampled_from(["characters", "shuffled"]), st.sampled_from([(), (10.0, 20.0)]), st.booleans())
def test_laws(rows, by, stages, up) -> None:
    step = Work(Options(by=by, stages=stages, first="lowest" if up else "highest"))
    done = check_laws(step, rows, shuffled=rows[::-1])
    assert not done.gone and not done.created
    other = step.apply({"train": rows[::-1]})
    assert [row.id for row in other.rows["train"]] == [row.id for row in done.rows["train"]]
    if by == "characters":
        values = [characters(row) for row in done.rows["train"]]
        ranks = [sum(value > limit for limit in stages) for value in values] if stages else values
        assert ranks == sorted(ranks, reverse=not up)


def test_stages_are_shuffled_inside() -> None:
    done = Work(Options(stages=(18,))).apply({"train": ROWS}).rows["train"]
    values = [characters(row) for row in done]
    first = [value for value in values if value <= 18]
    assert values[: len(first)] == first and first != sorted(first)


def test_by_tokens(chat: ChatFormat, tmp_path) -> None:
    step = Work(Options(by="tokens", first="highest"))
    step.bind(Context(tmp_path, tmp_path, "2026-01-01", chat))
    counts = token_counts(step.apply({"train": ROWS}).rows["train"], chat)
    assert counts == sorted(counts, reverse=True)


def test_by_a_column_rows_without_a_value_come_last() -> None:
    rows = [*ROWS, made(3, "a", "x")]
    rows[-1].details["columns"].pop("score")
    done = Work(Options(by="column", column="score")).apply({"train": rows}).rows["train"]
    scores = [row.details["columns"].get("score") for row in done]
    assert scores[-1] is None and scores[:-1] == sorted(scores[:-1])


def test_what_is_no_order_is_an_error() -> None:
    with pytest.raises(UserError, match='"red" is no number to order rows by'):
        Work(Options(by="column", column="team")).apply({"train": [made(1, "a", "x")]})
    with pytest.raises(UserError, match="asks the base model, and none was given"):
        Work(Options(by="loss")).apply({"train": ROWS})
    with pytest.raises(ValidationError, match="by: column and column go together"):
        Options(by="column")
    with pytest.raises(ValidationError, match="thresholds must rise"):
        Options(stages=(2, 1))
