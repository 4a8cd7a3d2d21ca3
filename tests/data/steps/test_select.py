"""The rows that teach most for a budget."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import row
from tests.data.steps.random_rows import check_laws, made, some_rows
from tunewright.core.errors import UserError
from tunewright.data.context import Context
from tunewright.data.steps.select import Work, by_loss, within
from tunewright.data.token_counts import token_counts
from tunewright.recipe.options.steps.select import Options
from tunewright.text.chat import ChatFormat

ROWS = [made(number * 13, "ab"[number % 2], "x") for number in range(60)]


@settings(deadline=None)
@given(some_rows(), st.integers(0, 45), st.sampled_from(["all", "prompt", "answer"]))
def test_laws(rows, count, text) -> None:
    done = check_laws(Work(Options(rows=count, text=text)), rows, shuffled=rows[::-1])
    assert len(done.rows["train"]) == min(count, len(rows))
    assert {gone.reason for gone in done.gone} <= {"select"}


def test_every_kind_of_row_is_kept_before_a_second_of_one() -> None:
    texts = ["red apple pie", "engine oil pump", "violin string bow"]
    rows = [
        row(f"{text} {word}", "yes", line=line + 1)
        for line, (text, word) in enumerate((text, word) for text in texts for word in ("one", "two", "three", "four"))
    ]
    for seed in range(5):
        kept = Work(Options(rows=3, seed=seed)).apply({"train": rows}).rows["train"]
        assert {each.messages[0]["content"].split()[0] for each in kept} == {"red", "engine", "violin"}  # type: ignore[typeddict-item]


@pytest.mark.parametrize("by", ["diverse", "hard"])
def test_a_budget_of_tokens_is_kept_and_used(by: str, chat: ChatFormat, tmp_path) -> None:
    costs = dict(zip((row.id for row in ROWS), token_counts(ROWS, chat), strict=True))
    if by == "hard":
        order = by_loss([math.sin(at) for at in range(len(ROWS))], falling=True)
        kept = [ROWS[at].id for at in within(order, list(costs.values()), rows=60, budget=1000)]
    else:
        step = Work(Options(tokens=1000))
        step.bind(Context(tmp_path, tmp_path, "2026-01-01", chat))
        kept = [row.id for row in step.apply({"train": ROWS}).rows["train"]]
    used = sum(costs[name] for name in kept)
    assert used <= 1000
    assert all(used + costs[name] > 1000 for name in costs if name not in kept)


def test_hard_and_easy_are_opposite_and_the_unknown_comes_last() -> None:
    losses = [2.0, math.nan, 0.5, 1.0]
    assert by_loss(losses, falling=True) == [0, 3, 2, 1]
    assert by_loss(losses, falling=False) == [2, 3, 0, 1]


def test_without_a_tokenizer_or_a_model_it_says_so() -> None:
    with pytest.raises(UserError, match="none was given"):
        Work(Options(tokens=10)).apply({"train": ROWS})
    with pytest.raises(UserError, match="asks the base model, and none was given"):
        Work(Options(by="hard", rows=3)).apply({"train": ROWS})
