"""Where a model fails: slices of the rows, and the rows that gained and lost most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.evaluate.fakes import LABELS, labelled_rows, scorer
from tunewright.core.answers import AnsweredRow, Scorer
from tunewright.core.nouns import Slice
from tunewright.core.ports import Details, Message, Row
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.slices import FEWEST_ROWS, MOST_SLICES, MOST_VALUES, extremes, slices, spoken


def answers(rows: Sequence[Row], wrong: set[int]) -> list[AnsweredRow]:
    """The right label, but for some rows."""
    return [
        AnsweredRow(
            row, "?" if place in wrong else row.target, predicted=None if place in wrong else row.label, finish="stop"
        )
        for place, row in enumerate(rows)
    ]


def measured(rows: Sequence[Row], base: set[int], tuned: set[int] | None) -> Measured:
    ours = None if tuned is None else answers(rows, tuned)
    return Measured("labels_generated", "bare", answers(rows, base), answers(rows, base), ours)


def slices_of(one: Measured, metric: str = "accuracy") -> dict[str, dict[str, Slice]]:
    """By kind and value."""
    found: dict[str, dict[str, Slice]] = {}
    for each in slices(Compared(scorer(metric), one, labels=LABELS, seed=0)):
        found.setdefault(each.kind, {})[each.value] = each
    return found


def with_columns(rows: Sequence[Row], name: str, values: Sequence[str]) -> list[Row]:
    return [
        replace(row, details=Details(columns={name: value} if value else {}))
        for row, value in zip(rows, values, strict=True)
    ]


def test_slices_by_label_say_where_the_model_fails() -> None:
    rows = labelled_rows(30)
    hearts = {place for place, row in enumerate(rows) if row.label == "heart"}
    found = slices_of(measured(rows, set(), hearts))["label"]
    assert {name: (each.n, each.base, each.tuned) for name, each in found.items()} == {
        "heart": (10, 1.0, 0.0),
        "lungs": (10, 1.0, 1.0),
        "skin": (10, 1.0, 1.0),
    }
    interval = found["heart"].tuned_interval
    assert interval is not None
    assert interval[0] == 0 and 0.2 < interval[1] < 0.4


def test_slices_by_file_column_attribute_and_length() -> None:
    rows = labelled_rows(30)
    rows = with_columns(rows, "ward", ["east" if place < 10 else "west" for place in range(30)])
    rows = [replace(row, source="a.jsonl" if place < 12 else "b.jsonl") for place, row in enumerate(rows)]
    for place, row in enumerate(rows):
        row.details["attribute"] = "old" if place < 6 else "young"
    rows = [
        replace(row, messages=({"role": "user", "content": "x" * (1 + place)}, row.messages[-1]))
        for place, row in enumerate(rows)
    ]
    found = slices_of(measured(rows, set(range(12)), set(range(6))))
    assert {name: each.n for name, each in found["ward"].items()} == {"east": 10, "west": 20}
    assert {name: (each.n, each.base) for name, each in found["file"].items()} == {
        "a.jsonl": (12, 0),
        "b.jsonl": (18, 1),
    }
    assert {name: (each.n, each.tuned) for name, each in found["attribute"].items()} == {
        "old": (6, 0),
        "young": (24, 1),
    }
    assert {name: each.n for name, each in found["length"].items()} == {
        "short prompts": 10,
        "middle prompts": 10,
        "long prompts": 10,
    }
    assert found["length"]["short prompts"].tuned == pytest.approx(0.4)


def test_a_model_alone_has_its_own_interval() -> None:
    found = slices_of(measured(labelled_rows(30), {0, 3}, None))["label"]["heart"]
    assert (found.base, found.tuned) == (pytest.approx(0.8), None)
    assert found.tuned_interval is not None and found.tuned_interval[0] < 0.8 < found.tuned_interval[1]


def test_what_is_too_few_too_many_or_all_alike_is_no_slice() -> None:
    rows = labelled_rows(30)
    few = with_columns(rows, "c", ["rare"] * (FEWEST_ROWS - 1) + ["often"] * (31 - FEWEST_ROWS))
    assert set(slices_of(measured(few, set(), set()))["c"]) == {"often"}
    alike = with_columns(rows, "c", ["one"] * 30)
    assert "c" not in slices_of(measured(alike, set(), set()))
    many = labelled_rows((MOST_VALUES + 1) * FEWEST_ROWS)
    many = with_columns(many, "c", [f"v{place % (MOST_VALUES + 1)}" for place in range(len(many))])
    assert "c" not in slices_of(measured(many, set(), set()))
    some = with_columns(rows, "c", ["a", ""] * 15)
    assert "c" not in slices_of(measured(some, set(), set()))
    assert slices_of(measured(labelled_rows(1), set(), {0})) == {}


def test_there_are_not_more_slices_than_people_read() -> None:
    rows = labelled_rows(60)
    columns = {f"c{number}": ["a", "b"] for number in range(MOST_SLICES)}
    rows = [
        replace(row, details=Details(columns={name: values[place % 2] for name, values in columns.items()}))
        for place, row in enumerate(rows)
    ]
    assert len(slices(Compared(scorer("accuracy"), measured(rows, set(), {1}), labels=LABELS, seed=0))) == MOST_SLICES


def test_a_slice_that_cannot_be_measured_has_no_number() -> None:
    rows = with_columns(labelled_rows(20), "c", ["a"] * 10 + ["b"] * 10)
    rows = [replace(row, label=None) if place < 10 else row for place, row in enumerate(rows)]
    found = slices_of(measured(rows, set(), {15}))["c"]
    assert (found["a"].n, found["a"].base, found["a"].tuned, found["a"].tuned_interval) == (0, None, None, None)
    assert (found["b"].n, found["b"].tuned) == (10, 0.9)


def test_slices_of_a_metric_of_the_whole() -> None:
    rows = with_columns(labelled_rows(30), "c", ["a"] * 15 + ["b"] * 15)
    found = slices_of(measured(rows, set(), set(range(15))), metric="f1")["c"]
    assert (found["a"].tuned, found["b"].tuned) == (0.0, 1.0)


class Valued:
    """A scorer whose value of a row is given by its id, one of the base and one of the tuned model."""

    census = False
    range = (-math.inf, math.inf)

    def __init__(self, values: dict[str, float], direction: Any = "higher") -> None:
        self.values, self.direction = values, direction

    def per_row(self, rows: Sequence[AnsweredRow]) -> Any:
        return np.array([self.values[f"{row.answer}{row.row.id}"] for row in rows], dtype=np.float64)

    def score(self, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
        return float(np.nanmean(self.per_row(rows)))


def valued(base: Sequence[float], tuned: Sequence[float] | None, direction: str = "higher") -> tuple[Scorer, Measured]:
    rows = [
        Row(str(place), ({"role": "user", "content": f"q{place}"}, {"role": "assistant", "content": "t"}))
        for place in range(len(base))
    ]
    values = {f"b{place}": value for place, value in enumerate(base)}
    values |= {f"t{place}": value for place, value in enumerate(tuned or ())}
    theirs = [AnsweredRow(row, "b") for row in rows]
    ours = None if tuned is None else [AnsweredRow(row, "t") for row in rows]
    return Valued(values, direction), Measured("w", "bare", theirs, theirs, ours)


VALUES = st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, math.nan, math.inf])] * 2), min_size=0, max_size=30)


@given(VALUES, st.sampled_from(["higher", "lower"]), st.integers(1, 12))
def test_the_best_gained_most_and_the_worst_are_the_worst(
    pairs: list[tuple[float, float]], direction: str, count: int
) -> None:
    base, tuned = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    best, worst = extremes(*valued(base, tuned, direction), count=count)
    sign = 1 if direction == "higher" else -1
    known = [place for place in range(len(pairs)) if math.isfinite(base[place]) and math.isfinite(tuned[place])]
    assert len(best) == len(worst) == min(count, len(known))
    gain = {place: sign * (tuned[place] - base[place]) for place in known}
    ours = {place: sign * tuned[place] for place in known}
    named = [int(each.row) for each in best]
    assert len(set(named)) == len(named)
    assert [gain[place] for place in named] == sorted(gain.values(), reverse=True)[:count]
    named = [int(each.row) for each in worst]
    assert [ours[place] for place in named] == sorted(ours.values())[:count]
    assert all((each.base_value, each.tuned_value) == (base[int(each.row)], tuned[int(each.row)]) for each in worst)


def test_ties_keep_the_order_of_the_rows() -> None:
    scorer_, one = valued([1.0] * 5, [1.0] * 5)
    best, worst = extremes(scorer_, one, count=3)
    assert [each.row for each in best] == [each.row for each in worst] == ["0", "1", "2"]


def test_a_model_alone_has_best_and_worst_by_its_own_value() -> None:
    best, worst = extremes(*valued([0.2, 0.9, 0.1], None), count=2)
    assert ([each.row for each in best], [each.row for each in worst]) == (["1", "0"], ["2", "0"])
    assert [(each.base_value, each.tuned_value, each.tuned) for each in best] == [(0.9, None, ""), (0.2, None, "")]


def test_there_are_none_without_a_value_a_row_or_a_better_side() -> None:
    assert extremes(*valued([1.0], [0.0], "neither"), count=3) == ([], [])
    assert extremes(scorer("f1"), measured(labelled_rows(9), set(), {1}), count=3) == ([], [])


def test_a_prompt_of_a_million_letters_is_kept_whole_and_half_a_pair_is_not() -> None:
    rows = [
        Row("a", ({"role": "user", "content": "é" * 1_000_000}, {"role": "assistant", "content": "x"})),
        Row("b", ({"role": "user", "content": "\ud800?"}, {"role": "assistant", "content": "y"})),
    ]
    best, _ = extremes(scorer("exact_match"), measured(rows, set(), set()), count=2)
    assert [each.prompt for each in best] == ["é" * 1_000_000, "??"]


def test_a_prompt_of_several_turns_is_shown_with_its_roles() -> None:
    turns: tuple[Message, ...] = (
        {"role": "system", "content": "s"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a"},
    )
    assert spoken(Row("x", turns)) == "q"
    longer: tuple[Message, ...] = (*turns, {"role": "user", "content": "r"}, {"role": "assistant", "content": "b"})
    assert spoken(Row("x", longer)) == "user: q\nassistant: a\nuser: r"
