"""Laws of the split, over random rows."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import row
from tunewright.core.errors import UserError
from tunewright.core.ports import Converted, Details, Row
from tunewright.data.rows import content_key, make_row
from tunewright.data.split import divide
from tunewright.recipe.recipe import SplitOptions

SHARES = {"validation": 0.1, "test": 0.2}
UNIQUE = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from("aab")), unique=True, max_size=120)
OFTEN = st.lists(st.tuples(st.integers(0, 15), st.sampled_from("ab")), max_size=60)


def sides(divided: dict) -> dict[str, str]:
    """Id to split."""
    return {found.id: split for split, group in divided.items() for found in group}


def test_pairs_with_one_prompt_stand_on_one_side() -> None:
    losers = [({"role": "assistant", "content": f"loser {number}"},) for number in range(4)]
    pairs = [
        make_row(Converted(row(f"prompt {number}").messages, rejected=lost), source="f", line=1)  # type: ignore[arg-type]
        for number in range(30)
        for lost in losers
    ]
    divided = divide(pairs, SHARES, options=SplitOptions(validation=0.1, test=0.2))
    sides_of = defaultdict(set)
    for split, group in divided.items():
        for found in group:
            sides_of[found.messages[0].get("content")].add(split)
    assert all(len(found) == 1 for found in sides_of.values())
    assert {split: len(group) for split, group in divided.items()} == {"train": 84, "validation": 12, "test": 24}


@settings(deadline=None)
@given(UNIQUE, st.integers(0, 5), st.randoms(use_true_random=False))
def test_every_row_once_shares_kept_and_file_order_without_effect(pairs, seed, shuffler) -> None:
    rows = [row(str(number), label) for number, label in pairs]
    options = SplitOptions(validation=0.1, test=0.2, seed=seed)
    divided = divide(rows, SHARES, options=options)
    assert sorted(sides(divided)) == sorted(found.id for found in rows)
    for label, size in Counter(found.label for found in rows).items():
        counts = {split: sum(found.label == label for found in group) for split, group in divided.items()}
        assert counts["train"] >= 1
        for split, share in SHARES.items():
            assert counts[split] <= math.ceil(share * size)
            assert counts[split] >= min(math.floor(share * size), size - 2)
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert sides(divide(shuffled, SHARES, options=options)) == sides(divided)
    assert all(group == [found for found in rows if found in group] for group in divided.values())


def test_totals_and_labels_are_exact_where_they_can_be() -> None:
    rows = [row(str(number), "abc"[number % 3]) for number in range(300)]
    divided = divide(rows, {"validation": 0.1, "test": 0.1}, options=SplitOptions())
    assert {split: len(group) for split, group in divided.items()} == {"train": 240, "validation": 30, "test": 30}
    assert Counter(found.label for found in divided["test"]) == {"a": 10, "b": 10, "c": 10}


def test_remainders_reach_the_asked_total() -> None:
    rows = [row(f"{label}{number}", label) for label in "abcdefgh" for number in range(5)]
    divided = divide(rows, {"test": 0.1}, options=SplitOptions())
    assert len(divided["test"]) == 4
    assert max(Counter(found.label for found in divided["test"]).values()) == 1


@settings(deadline=None)
@given(OFTEN, st.booleans())
def test_equal_rows_never_stand_on_two_sides(pairs, by_label: bool) -> None:
    rows = [row(str(number), label, line=line) for line, (number, label) in enumerate(pairs)]
    options = SplitOptions(stratify="label" if by_label and rows else "none")
    where = defaultdict(set)
    for split, group in divide(rows, {"validation": 0.3, "test": 0.3}, options=options).items():
        for found in group:
            where[content_key(found)].add(split)
    assert all(len(splits) == 1 for splits in where.values())


@pytest.mark.parametrize("count", [1, 2, 3])
def test_training_keeps_a_row_of_every_label(count: int) -> None:
    rows = [row(str(number), "a") for number in range(count)]
    divided = divide(rows, {"validation": 0.6, "test": 0.35}, options=SplitOptions())
    assert len(divided["train"]) >= 1
    assert sum(map(len, divided.values())) == count


def test_another_seed_divides_otherwise() -> None:
    rows = [row(str(number)) for number in range(100)]
    first, other = (divide(rows, SHARES, options=SplitOptions(seed=seed)) for seed in (0, 1))
    assert sides(first) != sides(other)


def test_strata_without_labels_are_refused() -> None:
    with pytest.raises(UserError, match="no labels"):
        divide([row("a")], SHARES, options=SplitOptions(stratify="label"))


def with_details(number: int, **details: Any) -> Row:
    """A row with columns or a family."""
    return replace(row(str(number), "ab"[number % 2]), details=Details(**details))


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.integers(0, 5), st.randoms(use_true_random=False))
def test_rows_of_one_group_stand_on_one_side(patients: list[int], seed: int, shuffler: Any) -> None:
    rows = [with_details(number, columns={"patient": str(of)}) for number, of in enumerate(patients)]
    options = SplitOptions(validation=0.1, test=0.2, seed=seed, by="patient")
    divided = divide(rows, SHARES, options=options)
    where = defaultdict(set)
    for split, group in divided.items():
        for found in group:
            where[found.details["columns"]["patient"]].add(split)
    assert all(len(splits) == 1 for splits in where.values())
    assert sum(map(len, divided.values())) == len(rows) and divided["train"]
    largest = max(Counter(patients).values())
    assert all(len(divided[split]) <= share * len(rows) + largest / 2 for split, share in SHARES.items())
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert sides(divide(shuffled, SHARES, options=options)) == sides(divided)


def test_groups_reach_the_asked_shares() -> None:
    rows = [with_details(number, columns={"patient": str(number // 3)}) for number in range(300)]
    divided = divide(rows, SHARES, options=SplitOptions(validation=0.1, test=0.2, by="patient"))
    assert {split: len(group) for split, group in divided.items()} == {"train": 210, "validation": 30, "test": 60}


@settings(deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60))
def test_families_stand_on_one_side_with_their_duplicates(families: list[int]) -> None:
    rows = [with_details(number, **({"family": f"f{of}"} if of else {})) for number, of in enumerate(families)]
    rows += [with_details(0, family="f9"), with_details(100, family="f9")]  # equal to the first, alike with another
    divided = divide(rows, SHARES, options=SplitOptions(validation=0.1, test=0.2))
    where: dict[str, set[str]] = defaultdict(set)
    for split, group in divided.items():
        for found in group:
            where[found.details.get("family", found.id)].add(split)
            where[found.id].add(split)
    assert all(len(splits) == 1 for splits in where.values())


@settings(deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=80, unique=True), st.sampled_from(["number", "date"]))
def test_the_newest_rows_are_the_test(days: list[int], form: str) -> None:
    first = datetime(2024, 1, 1, tzinfo=UTC)
    times = [str(day) if form == "number" else (first + timedelta(days=day)).date().isoformat() for day in days]
    rows = [with_details(number, columns={"at": at}) for number, at in enumerate(times)]
    divided = divide(rows, SHARES, options=SplitOptions(validation=0.1, test=0.2, time="at"))
    at = {split: [days[int(found.messages[0]["content"])] for found in group] for split, group in divided.items()}
    in_time = [at["train"], at["validation"], at["test"]]
    ends = [(min(some), max(some)) for some in in_time if some]
    assert all(before[1] < after[0] for before, after in pairwise(ends))
    assert at["train"] and sorted(day for some in in_time for day in some) == sorted(days)
    assert abs(len(at["test"]) - 0.2 * len(rows)) <= 0.5 + 1e-9 or len(rows) < 3


@pytest.mark.parametrize(
    ("values", "said"),
    [(["1", "soon"], '"soon" is no time like those before it'), (["soon", "1"], '"soon" is no time')],
)
def test_what_is_no_time_is_an_error(values: list[str], said: str) -> None:
    rows = [with_details(number, columns={"at": at}) for number, at in enumerate(values)]
    with pytest.raises(UserError, match=said):
        divide(rows, SHARES, options=SplitOptions(time="at"))


def test_a_row_without_the_column_is_an_error() -> None:
    with pytest.raises(UserError, match='f:1 has nothing in the column "patient"'):
        divide([row("a")], SHARES, options=SplitOptions(by="patient"))
