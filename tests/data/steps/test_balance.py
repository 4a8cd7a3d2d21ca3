"""Balance of labels and columns."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import row
from tests.data.steps.random_rows import check_laws, made, some_rows
from tunewright.core.errors import UserError
from tunewright.core.ports import Converted
from tunewright.data.rows import make_row
from tunewright.data.steps.balance import Work
from tunewright.recipe.options.steps.balance import Options

ROWS = [made(number, "a" if number < 60 else "b" if number < 80 else "c", "x") for number in range(90)]


@settings(deadline=None)
@given(
    some_rows(least=1),
    st.sampled_from(["undersample", "oversample", "weight"]),
    st.one_of(st.none(), st.integers(1, 20)),
    st.integers(1, 5),
)
def test_laws(rows, how, count, most) -> None:
    step = Work(Options(how=how, rows=count, max_repeats=most))
    done = check_laws(step, rows, shuffled=rows[::-1])
    before, after = (Counter(found.label for found in some) for some in (rows, done.rows["train"]))
    if how == "undersample":
        wanted = count or min(before.values())
        assert after == {label: min(size, wanted) for label, size in before.items()}
    elif how == "oversample":
        wanted = count or max(before.values())
        assert after == {label: max(size, min(wanted, size * most)) for label, size in before.items()}
        times = Counter(found.id for found in done.rows["train"])
        by_label = defaultdict(set)
        for found in rows:
            by_label[found.label].add(times[found.id])
        assert all(max(often) - min(often) <= 1 for often in by_label.values())
    else:
        weights = defaultdict(float)
        for found in done.rows["train"]:
            weights[found.label] += found.details.get("weight", 1.0)
        assert all(abs(weight - len(rows) / len(before)) < 1e-9 for weight in weights.values())
        assert {changed.reason for changed in done.changed} <= {"balance.weighted"}


def test_undersampling_takes_the_smallest_group() -> None:
    done = Work(Options()).apply({"train": ROWS})
    assert Counter(found.label for found in done.rows["train"]) == {"a": 10, "b": 10, "c": 10}
    assert Counter(gone.reason for gone in done.gone) == {"balance.left_out": 60}


def test_copies_stand_after_all_rows() -> None:
    done = Work(Options(how="oversample")).apply({"train": ROWS})
    assert done.rows["train"][: len(ROWS)] == ROWS
    assert done.created == {"balance.repeated": 40 + 50}
    assert Counter(found.label for found in done.rows["train"]) == {"a": 60, "b": 60, "c": 60}


def test_rows_without_a_value_stay_as_they_are() -> None:
    done = Work(Options(by="team", how="oversample")).apply({"train": ROWS})
    without = [found for found in ROWS if "team" not in found.details["columns"]]
    times = Counter(found.id for found in done.rows["train"])
    assert without and all(times[found.id] == 1 for found in without)


def test_weights_multiply_what_stands_there() -> None:
    once = Work(Options(how="weight")).apply({"train": ROWS}).rows["train"]
    twice = Work(Options(how="weight")).apply({"train": once}).rows["train"]
    assert twice[0].details["weight"] == pytest.approx(once[0].details["weight"] ** 2)


def test_rows_without_labels_are_an_error() -> None:
    plain = make_row(Converted(row("q").messages), source="f", line=1)
    with pytest.raises(UserError, match="the rows have no labels"):
        Work(Options()).apply({"train": [plain]})
