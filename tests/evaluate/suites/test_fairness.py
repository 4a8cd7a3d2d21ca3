"""The suite `fairness`: gaps are what a plain count gives, and what cannot be compared is said, not numbered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluate.fakes import (
    LABELS,
    FakeSplit,
    RuleModel,
    labelled,
    last_turn,
    local,
    models_of,
    scorer,
    suite,
    task,
)
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.core.events import silent
from tunewright.core.nouns import Evaluation
from tunewright.core.ports import Details, Row
from tunewright.evaluate.compare import Compared, Measured
from tunewright.evaluate.evaluate import evaluate
from tunewright.evaluate.gates import decide
from tunewright.evaluate.suite import Bench, NotMeasured, sample_of
from tunewright.evaluate.suites.fairness import gaps
from tunewright.evaluate.sums import summed
from tunewright.recipe.gates import GateOptions

GAPS = ("accuracy_gap", "parity_gap", "odds_gap")


def of_group(text: str, label: str, group: str | None) -> Row:
    """A row with a kept column."""
    return replace(labelled(text, label), details=Details(columns={} if group is None else {"group": group}))


def told(group: str, label: str | None, said: str | None, number: int = 0) -> AnsweredRow:
    """A row of a group, and the label that a model said."""
    row = replace(labelled(f"{group} {label} {number}", label or "x"), label=label, details=Details(attribute=group))
    return AnsweredRow(row, said or "?", said, finish="stop")


def drawn(seed: int, groups: int, labels: int) -> tuple[list[AnsweredRow], list[str]]:
    """Random answers, some of them no label, to rows of random groups."""
    draw = np.random.default_rng(seed)
    names = [f"label {number}" for number in range(labels)]
    rows = [
        told(
            f"group {draw.integers(groups)}",
            names[draw.integers(labels)],
            (*names, "no label", None)[draw.integers(labels + 2)],
            number,
        )
        for number in range(int(draw.integers(30, 120)))
    ]
    return rows, names


def share(picked: Sequence[bool]) -> float | None:
    """How many are true, of all; None of none."""
    return sum(picked) / len(picked) if picked else None


def gap(shares: Sequence[float | None]) -> float | None:
    """Largest minus smallest of those that are known, if two are."""
    known = [each for each in shares if each is not None]
    return max(known) - min(known) if len(known) > 1 else None


def by_hand(metric: str, rows: Sequence[AnsweredRow], labels: Sequence[str]) -> float:
    """The definitions, row by row: of accuracy, demographic parity and equalised odds, as differences."""
    by_group: dict[str, list[tuple[str | None, str | None]]] = {}
    for row in rows:
        by_group.setdefault(row.row.details["attribute"], []).append((row.row.label, row.predicted))
    groups = list(by_group.values())
    if metric == "accuracy_gap":
        found = [gap([share([true == said for true, said in group]) for group in groups])]
    elif metric == "parity_gap":
        found = [gap([share([said == label for _true, said in group]) for group in groups]) for label in labels]
    else:
        found = [
            gap([share([said == label for true, said in group if (true == label) is right]) for group in groups])
            for label in labels
            for right in (True, False)
        ]
    known = [each for each in found if each is not None]
    return max(known) if known else math.nan


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("metric", GAPS)
def test_a_gap_is_what_a_plain_count_gives(metric: str, seed: int) -> None:
    rows, labels = drawn(seed, groups=2 + seed % 4, labels=2 + seed % 3)
    assert scorer(metric).score(rows, labels) == pytest.approx(by_hand(metric, rows, labels), abs=1e-12)


def test_two_labels_and_two_groups_are_the_textbook_case() -> None:
    """Group a: 40 hits of 50, 10 false alarms of 50; group b: 20 of 40, 18 of 60."""
    yes, no = ("yes", "yes"), ("no", "no")
    miss, alarm = ("yes", "no"), ("no", "yes")
    counts = {"a": {yes: 40, miss: 10, alarm: 10, no: 40}, "b": {yes: 20, miss: 20, alarm: 18, no: 42}}
    rows = [
        told(group, *each, number=number)
        for group, cells in counts.items()
        for each, count in cells.items()
        for number in range(count)
    ]
    labels = ("no", "yes")
    assert scorer("accuracy_gap").score(rows, labels) == pytest.approx(0.80 - 0.62)
    assert scorer("parity_gap").score(rows, labels) == pytest.approx(0.50 - 0.38)
    assert scorer("odds_gap").score(rows, labels) == pytest.approx(max(0.8 - 0.5, 0.3 - 0.2))


@pytest.mark.parametrize("metric", GAPS)
def test_a_scorer_remembers_nothing_between_calls(metric: str) -> None:
    one, labels = drawn(1, groups=2, labels=3)
    other, others = drawn(2, groups=5, labels=2)
    work = scorer(metric)
    first = summed(work, one, labels=labels)
    second = summed(work, other, labels=others)
    assert first is not None and second is not None
    assert first.value(first.sums.sum(axis=0)) == pytest.approx(by_hand(metric, one, labels), abs=1e-12)
    assert second.value(second.sums.sum(axis=0)) == pytest.approx(by_hand(metric, other, others), abs=1e-12)


@pytest.mark.parametrize("metric", GAPS)
def test_two_ways_may_be_compared_side_by_side(metric: str) -> None:
    """Comparisons that are made before either is read."""
    work = scorer(metric)
    one, labels = drawn(3, groups=3, labels=2)
    other, _ = drawn(4, groups=4, labels=2)
    made = [Compared(work, Measured("w", "bare", rows, rows, rows), labels=labels, seed=0) for rows in (one, other)]
    assert made[0].whole().tuned == pytest.approx(by_hand(metric, one, labels), abs=1e-12)
    assert made[1].whole().tuned == pytest.approx(by_hand(metric, other, labels), abs=1e-12)


@pytest.mark.parametrize("metric", GAPS)
def test_everyone_told_the_same_is_no_gap_but_in_accuracy(metric: str) -> None:
    rows = [told("ab"[number % 2], ("yes", "no")[number % 3 == 0], "yes", number) for number in range(60)]
    assert scorer(metric).score(rows, ("yes", "no")) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("metric", GAPS)
def test_rows_that_say_nothing_change_nothing(metric: str) -> None:
    rows, labels = drawn(7, groups=3, labels=3)
    broken = [replace(row, answer="half an ans", predicted=None, finish="error") for row in rows[:20]]
    elsewhere = [replace(row, row=replace(row.row, details=Details())) for row in rows[:20]]
    score = scorer(metric).score(rows, labels)
    assert scorer(metric).score([*rows, *broken, *elsewhere], labels) == pytest.approx(score, abs=1e-12)
    assert math.isnan(scorer(metric).score(broken, labels))


@pytest.mark.parametrize("metric", ["accuracy_gap", "odds_gap"])
def test_a_row_without_a_right_answer_is_left_out(metric: str) -> None:
    rows, labels = drawn(8, groups=3, labels=3)
    unknown = [replace(row, row=replace(row.row, label=None)) for row in rows[:20]]
    assert scorer(metric).score([*rows, *unknown], labels) == pytest.approx(
        scorer(metric).score(rows, labels), abs=1e-12
    )


def test_a_label_that_nobody_knows_is_a_wrong_answer_and_no_error() -> None:
    rows = [told("a", "spleen", "heart", n) for n in range(10)] + [told("b", "heart", "heart", n) for n in range(10)]
    assert scorer("accuracy_gap").score(rows, LABELS) == 1
    assert scorer("parity_gap").score(rows, LABELS) == 0
    assert math.isnan(scorer("odds_gap").score(rows, ("heart",)))


def test_free_answers_are_compared_as_they_are() -> None:
    rows = [told(group, None, None, n) for group in "ab" for n in range(10)]
    said = [
        replace(row, predicted="x" if place < 13 else "y", row=replace(row.row, label=None))
        for place, row in enumerate(rows)
    ]
    assert scorer("accuracy_gap").score(said, ()) == pytest.approx(0.7)
    assert scorer("parity_gap").score(said, ()) == pytest.approx(0.7)
    assert math.isnan(scorer("odds_gap").score(said, ())) is False


def test_a_thousand_different_answers_are_right_or_wrong_and_no_more() -> None:
    rows = [
        AnsweredRow(replace(labelled(f"q{n}", f"answer {n}"), label=None, details=Details(attribute="ab"[n % 2])),
                    f"answer {n}", f"answer {n}" if n % 4 else "?", finish="stop")
        for n in range(1000)
    ]  # fmt: skip
    assert scorer("accuracy_gap").score(rows, ()) == pytest.approx(0.5)
    assert math.isnan(scorer("parity_gap").score(rows, ())) and math.isnan(scorer("odds_gap").score(rows, ()))
    assert "1,000 different right answers" in gaps([row.row for row in rows])["odds_gap"]


def rows_of(sizes: dict[str | None, int]) -> list[Row]:
    """Rows whose labels take turns within each group."""
    return [
        of_group(f"case {number} of {group}: {LABELS[number % 3]}", LABELS[number % 3], group)
        for group, size in sizes.items()
        for number in range(size)
    ]


def done(
    folder: Path, rows: list[Row], rule: Callable[[str], str], *, tuned: Callable[[str], str] | None = None
) -> Evaluation:
    """A whole evaluation of the suite."""
    splits = {"train": FakeSplit(rows_of({None: 6})), "test": FakeSplit(rows)}
    pair = models_of(RuleModel(rule), None if tuned is None else RuleModel(tuned))
    return evaluate([suite("fairness")], pair, task=task(folder, splits=splits), emit=silent)


def fair(prompt: str) -> str:
    """Says the label that the text ends with."""
    return last_turn(prompt).rsplit(" ", 1)[1]


def unfair(prompt: str) -> str:
    """Does so for group a; all others are told "heart"."""
    return fair(prompt) if " of a:" in last_turn(prompt) else "heart"


def test_a_model_that_serves_one_group_worse_is_seen(tmp_path: Path) -> None:
    found = done(tmp_path, rows_of({"a": 30, "b": 30, "c": 4}), unfair, tuned=fair).suites["fairness"]
    assert {name: (one.base, one.tuned) for name, one in found.items()} == {
        "accuracy_gap": (pytest.approx(2 / 3), 0),
        "parity_gap": (pytest.approx(2 / 3), 0),
        "odds_gap": (1, 0),
    }
    assert {one.n for one in found.values()} == {60}
    assert all(one.direction == "lower" and one.interval is not None for one in found.values())


@pytest.mark.parametrize(
    ("sizes", "keys", "reason"),
    [
        ({"a": 30}, {}, r"two groups of at least 10 rows; there is: a 30"),
        ({"a": 30, "b": 9}, {}, r"there is: a 30, b 9"),
        ({"a": 1}, {}, r"there is: a 1"),
        ({"a": 30, " ": 30}, {}, r"there is: a 30$"),
        ({None: 30}, {}, r'has the column "group"; name it under data.keep'),
        ({"a": 30, "b": 30}, {"group_by": "sex"}, r'has the column "sex"; name it under data.keep'),
        ({}, {}, r'has the column "group"'),
    ],
    ids=["one group", "a small group", "one row", "blank values", "no column", "another column", "no rows"],
)
def test_what_cannot_be_compared_is_one_sentence(
    sizes: dict[str | None, int], keys: dict[str, Any], reason: str
) -> None:
    with pytest.raises(NotMeasured, match=reason):
        suite("fairness", **keys).examples(Bench(labels=LABELS, measured=sample_of(rows_of(sizes))))


def test_without_a_dataset_and_with_plain_text_the_reason_is_the_true_one(tmp_path: Path) -> None:
    with pytest.raises(NotMeasured, match="give a recipe or a run"):
        suite("fairness").examples(Bench(labels=LABELS))
    plain = [replace(row, messages=({"role": "document", "content": "text"},)) for row in rows_of({"a": 20, "b": 20})]
    with pytest.raises(NotMeasured, match="no row with a prompt"):
        suite("fairness").examples(Bench(measured=sample_of(plain)))
    with pytest.raises(UserError, match="nothing could be measured: fairness: fairness needs two groups"):
        done(tmp_path, rows_of({"a": 20}), fair)


def test_a_group_without_positives_is_told_beside_the_number(tmp_path: Path) -> None:
    rows = [row for row in rows_of({"a": 30, "b": 30}) if row.details["columns"]["group"] == "a" or row.label != "skin"]
    found = done(tmp_path, rows, unfair)
    assert found.suites["fairness"]["odds_gap"].base == 1
    assert found.left_out["fairness"] == {
        "odds_gap": 'odds_gap leaves out what these rows cannot show: no row of b has the right answer "skin".'
    }


def test_groups_with_nothing_in_common_have_no_odds_and_the_gate_says_why(tmp_path: Path) -> None:
    rows = [of_group(f"case {n} of {group}: {label}", label, group)
            for group, label in (("a", "heart"), ("b", "skin")) for n in range(12)]  # fmt: skip
    splits = {"train": FakeSplit(rows), "test": FakeSplit(rows)}
    wanted = task(tmp_path, splits=splits, labels=("heart", "skin"))
    found = evaluate([suite("fairness")], models_of(RuleModel(unfair), None), task=wanted, emit=silent)
    one = found.suites["fairness"]
    assert one["odds_gap"].base is None
    assert one["accuracy_gap"].base == 1
    asked = GateOptions.model_validate({"metric": "odds_gap", "suite": "fairness", "at_most": 0.5})
    (gate,) = decide([asked], found, answers=(), scorers={"odds_gap": scorer("odds_gap")}).gates
    assert not gate.passed
    assert 'no row of a has the right answer "skin", no row of b has the right answer "heart"' in gate.reason


def test_nothing_is_left_out_where_everything_can_be_compared(tmp_path: Path) -> None:
    assert done(tmp_path, rows_of({"a": 12, "b": 12}), fair).left_out == {}


def test_many_holes_are_counted() -> None:
    rows = [row.row for row in [told("a", f"label {n}", "x", n) for n in range(20)] + [told("b", "label 0", "x")]]
    assert gaps(rows)["odds_gap"].endswith(', no row of b has the right answer "label 13", and 14 more.')


def test_a_megabyte_and_a_long_group_name(tmp_path: Path) -> None:
    rows = rows_of({"g" * 900: 12, "b": 12})
    long = replace(rows[0], messages=({"role": "user", "content": "x" * 1_000_000 + " heart"}, rows[0].messages[-1]))
    found = done(tmp_path, [long, *rows[1:]], fair)
    assert found.suites["fairness"]["accuracy_gap"].base == 0


def test_answers_hold_group_and_label() -> None:
    work, room = (
        suite("fairness"),
        Bench(labels=LABELS, measured=sample_of(rows_of({"a": 12, "b": 12, "c": 2, None: 5}))),
    )
    rows = work.answer("fairness", local(RuleModel(unfair)), sample=work.examples(room), style="bare", bench=room)
    assert [row.row.details.get("attribute") for row in rows] == ["a"] * 12 + ["b"] * 12
    assert [row.predicted for row in rows[12:]] == ["heart"] * 12
    free = replace(room, labels=())
    rows = work.answer(
        "fairness", local(RuleModel(lambda _p: " so \n")), sample=work.examples(free), style="bare", bench=free
    )
    assert {row.predicted for row in rows} == {"so"}
