"""Mixtures of sources."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.data.steps.random_rows import check_laws, made, some_rows
from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.data.context import Context
from tunewright.data.steps.mix import Work, nearest
from tunewright.data.token_counts import token_counts
from tunewright.recipe.options.steps.mix import Options
from tunewright.text.chat import ChatFormat

ROWS = [made(number, "a", "x") for number in range(90)] + [made(number, "b", "y") for number in range(90, 100)]


def sources(rows: list[Row]) -> Counter[str]:
    """Rows of each source."""
    return Counter(row.source for row in rows)


def work(chat: ChatFormat, tmp_path, **keys) -> Work:
    """The step with a tokenizer."""
    step = Work(Options(**keys))
    step.bind(Context(tmp_path, tmp_path, "2026-01-01", chat))
    return step


@settings(deadline=None)
@given(some_rows(least=1), st.sampled_from(["proportional", "temperature"]), st.floats(1, 8), st.integers(1, 60))
def test_laws_and_shares_within_one_row(rows, shares, temperature, total) -> None:
    step = Work(Options(shares=shares, temperature=temperature, total=total, max_repeats=1000))
    done = check_laws(step, rows, shuffled=rows[::-1])
    sizes, after = sources(rows), sources(done.rows["train"])
    power = 1 / temperature if shares == "temperature" else 1
    whole = sum(size**power for size in sizes.values())
    assert after.total() == total
    for name, size in sizes.items():
        assert abs(after[name] - total * size**power / whole) < 1
    for name in sizes:
        often = Counter(row.id for row in done.rows["train"] if row.source == name)
        times = [often[row.id] for row in rows if row.source == name]
        assert max(times) - min(times) <= 1


def test_proportional_changes_nothing() -> None:
    done = Work(Options()).apply({"train": ROWS})
    assert done.rows["train"] == ROWS and not done.gone and not done.created


def test_temperature_lifts_the_small() -> None:
    done = Work(Options(shares="temperature", temperature=2)).apply({"train": ROWS})
    assert sources(done.rows["train"]) == {"x.jsonl": 75, "y.jsonl": 25}
    assert done.created == {"mix.repeated": 15}
    assert Counter(gone.reason for gone in done.gone) == {"mix.left_out": 15}


def test_fixed_parts_shrink_the_whole_rather_than_repeat_too_often() -> None:
    done = Work(Options(shares={"y*": 1, "*": 1}, max_repeats=2)).apply({"train": ROWS})
    assert sources(done.rows["train"]) == {"x.jsonl": 20, "y.jsonl": 20}


def test_a_part_of_nothing_leaves_a_source_out() -> None:
    done = Work(Options(shares={"y*": 1, "*": 0})).apply({"train": ROWS})
    assert sources(done.rows["train"]) == {"y.jsonl": 40}


def test_what_cannot_be_mixed_is_an_error() -> None:
    with pytest.raises(UserError, match=r'no pattern fits the source "x\.jsonl"'):
        Work(Options(shares={"y*": 1})).apply({"train": ROWS})
    with pytest.raises(UserError, match=r'"z\*" fits no row'):
        Work(Options(shares={"z*": 1, "*": 1})).apply({"train": ROWS})
    with pytest.raises(UserError, match="Ask for at most 80"):
        Work(Options(shares={"y*": 1, "*": 1}, total=100)).apply({"train": ROWS})
    with pytest.raises(ValidationError, match="at least one source must stay"):
        Options(shares={"*": 0})


def test_tokens_are_shared_to_within_one_row(chat: ChatFormat, tmp_path) -> None:
    step = work(chat, tmp_path, shares={"x*": 3, "y*": 1}, measure="tokens")
    done = step.apply({"train": ROWS, "validation": [], "test": []})
    costs = dict(zip((row.id for row in ROWS), token_counts(ROWS, chat), strict=True))
    tokens = {
        name: sum(costs[row.id] for row in done.rows["train"] if row.source == name) for name in ("x.jsonl", "y.jsonl")
    }
    before = sum(costs.values())
    longest = max(costs.values())
    assert abs(tokens["x.jsonl"] - 0.75 * before) <= longest / 2
    assert abs(tokens["y.jsonl"] - 0.25 * before) <= longest / 2


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.floats(0, 2000))
def test_the_nearest_sum_is_within_half_a_row(costs, target) -> None:
    found = nearest(range(len(costs)), costs, target=target)
    assert abs(sum(costs[place] * often for place, often in found) - target) <= max(costs) / 2 + 1e-6
