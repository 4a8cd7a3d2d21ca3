"""Two evaluations side by side, against values worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binomtest

from tests.evaluate.two_sides import compared, labelled, row, said, side
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import UserError
from tunewright.evaluate.side_by_side import SideBySide

WRITTEN = ("exact_match",)


def right(numbers: set[int], of: int) -> dict[int, str]:
    """Answers to rows 0 to `of` - 1, right on some of them."""
    return {number: "true" if number in numbers else f"wrong {number}" for number in range(of)}


def written(a: dict[int, str], b: dict[int, str]) -> SideBySide:
    return compared(side({"answers": (WRITTEN, said(a))}), side({"answers": (WRITTEN, said(b))}))


def test_shares_their_difference_and_mcnemar_are_those_worked_out_by_hand() -> None:
    found = written(right(set(range(10)), 20), right(set(range(2, 18)), 20)).ways["answers"]
    one = found.metrics["exact_match"]
    assert (one.a, one.b, one.difference, one.n) == (0.5, 0.8, pytest.approx(0.3), 20)
    assert one.p == pytest.approx(binomtest(2, 10, 0.5).pvalue)  # 2 rows lost, 8 won
    assert one.p == pytest.approx(112 / 1024)
    assert one.interval is not None and one.interval[0] < 0 < 0.3 < one.interval[1]
    assert (one.p_holm, one.verdict) == (one.p, "no clear difference")
    assert one.detectable is not None and 0.3 < one.detectable <= 1


def test_rows_that_changed_are_those_that_one_side_has_right() -> None:
    found = written(right({0, 1, 2, 3}, 8), right({2, 3, 4, 5, 6}, 8)).ways["answers"].changed
    assert found is not None and found.right_or_wrong
    assert (found.metric, found.lost, found.gained) == ("exact_match", 2, 3)
    assert [(one.row, one.a, one.b) for one in found.losses] == [
        ("row0000", "true", "wrong 0"),
        ("row0001", "true", "wrong 1"),
    ]
    assert [(one.row, one.a_value, one.b_value) for one in found.gains] == [
        (f"row000{number}", 0.0, 1.0) for number in (4, 5, 6)
    ]
    assert found.gains[0].prompt == "Question 4?" and found.gains[0].target == "true"
    assert found.gains[0].source == "rows.jsonl:4"


def test_a_better_model_is_called_better_and_a_worse_one_worse() -> None:
    few, many = right(set(), 30), right(set(range(30)), 30)
    better, worse = (written(*pair).ways["answers"].metrics["exact_match"] for pair in ((few, many), (many, few)))
    assert (better.verdict, worse.verdict) == ("better", "worse")
    assert better.p == pytest.approx(2 / 2**30)


def test_equal_runs_differ_by_nothing() -> None:
    answers = labelled({number: ("ab"[number % 2], "ab"[number % 3 == 0]) for number in range(12)})
    one = side({"labels_generated": (("accuracy", "f1"), answers)}, labels=("a", "b"))
    found = compared(one, one).ways["labels_generated"]
    for metric in found.metrics.values():
        assert (metric.difference, metric.p, metric.p_holm) == (0.0, 1.0, 1.0)
        assert metric.a == metric.b and metric.verdict == "no clear difference"
    assert found.changed is not None and (found.changed.gained, found.changed.lost) == (0, 0)
    assert found.lost_slices == ()
    assert (found.rows, found.only_a, found.only_b, found.differing) == (12, 0, 0, 0)


def test_swapped_sides_negate_the_difference_and_keep_p() -> None:
    draw = np.random.default_rng(3)
    labels = ("a", "b", "c")
    sides = [
        side(
            {
                "labels_generated": (
                    ("accuracy", "f1"),
                    labelled({number: (labels[number % 3], labels[int(draw.integers(3))]) for number in range(60)}),
                )
            },
            labels=labels,
        )
        for _ in range(2)
    ]
    there, back = (compared(*pair).ways["labels_generated"] for pair in (sides, sides[::-1]))
    for name in ("accuracy", "f1"):
        one, other = there.metrics[name], back.metrics[name]
        assert (one.a, one.b) == (other.b, other.a)
        assert one.difference == -(other.difference or 0) != 0
        assert (one.p, one.p_holm) == (other.p, other.p_holm)
        assert one.interval is not None and other.interval is not None
        assert one.interval == pytest.approx((-other.interval[1], -other.interval[0]), abs=1e-4)
    assert there.changed is not None and back.changed is not None
    assert (there.changed.gained, there.changed.lost) == (back.changed.lost, back.changed.gained)
    assert [one.row for one in there.changed.gains] == [one.row for one in back.changed.losses]


def test_only_rows_that_both_answered_are_compared_and_the_others_are_counted() -> None:
    a = {number: "true" for number in range(10)}
    b = {number: "true" if number % 2 else "no" for number in range(6, 20)}
    found = written(a, b).ways["answers"]
    assert (found.rows, found.only_a, found.only_b) == (4, 6, 10)
    assert (found.metrics["exact_match"].a, found.metrics["exact_match"].b) == (1.0, 0.5)


def test_rows_are_matched_by_name_in_whatever_order_they_came() -> None:
    a, b = said(right({1, 2}, 6)), said(right({1, 2}, 6))
    found = compared(side({"answers": (WRITTEN, a)}), side({"answers": (WRITTEN, b[::-1])})).ways["answers"]
    assert found.metrics["exact_match"].difference == 0 and found.changed is not None
    assert (found.changed.gained, found.changed.lost) == (0, 0)


def test_a_row_that_came_twice_is_matched_twice() -> None:
    a = [*said({0: "true", 1: "true"}), *said({0: "no"})]
    b = said({0: "no", 1: "true"})
    found = compared(side({"answers": (WRITTEN, a)}), side({"answers": (WRITTEN, b)})).ways["answers"]
    assert (found.rows, found.only_a, found.only_b) == (2, 1, 0)
    assert (found.metrics["exact_match"].a, found.metrics["exact_match"].b) == (1.0, 0.5)


def test_rows_of_one_name_and_other_content_are_left_out_and_counted() -> None:
    a, b = said({0: "true", 1: "true"}), said({0: "true"}) + said({1: "true"}, target="false")
    found = compared(side({"answers": (WRITTEN, a)}), side({"answers": (WRITTEN, b)})).ways["answers"]
    assert (found.rows, found.differing) == (1, 1)


def test_columns_that_one_side_kept_are_slices_of_both() -> None:
    a = [AnsweredRow(row(number), "true", finish="stop") for number in range(12)]
    b = [
        AnsweredRow(row(number, columns={"team": "xy"[number % 2]}), "no" if number % 2 else "true", finish="stop")
        for number in range(12)
    ]
    found = compared(side({"answers": (WRITTEN, a)}), side({"answers": (WRITTEN, b)})).ways["answers"]
    assert (found.rows, found.differing) == (12, 0)
    (lost,) = [one for one in found.lost_slices if one.kind == "team"]
    assert (lost.value, lost.n, lost.a, lost.b, lost.difference) == ("y", 6, 1.0, 0.0, -1.0)


def test_slices_are_those_that_were_lost_the_worst_first() -> None:
    def of(wrong: dict[str, int]) -> list[AnsweredRow]:
        left = dict(wrong)
        rows: dict[int, tuple[str, str | None]] = {}
        for number in range(30):
            label = "abc"[number % 3]
            left[label] = left.get(label, 0) - 1
            rows[number] = (label, "none" if left[label] >= 0 else label)
        return labelled(rows)

    metrics, labels = ("accuracy",), ("a", "b", "c")
    a = side({"labels_generated": (metrics, of({"c": 5}))}, labels=labels)
    b = side({"labels_generated": (metrics, of({"a": 2, "b": 7}))}, labels=labels)
    lost = [one for one in compared(a, b).ways["labels_generated"].lost_slices if one.kind == "label"]
    assert [(one.value, one.difference) for one in lost] == [("b", pytest.approx(-0.7)), ("a", pytest.approx(-0.2))]
    assert len(compared(a, b, most=1).ways["labels_generated"].lost_slices) == 1


def test_p_is_corrected_over_all_metrics_of_all_ways() -> None:
    a = {"answers": (WRITTEN, said(right(set(), 8))), "file": (WRITTEN, said(right({0, 1}, 8)))}
    b = {"answers": (WRITTEN, said(right(set(range(7)), 8))), "file": (WRITTEN, said(right({0, 2}, 8)))}
    found = compared(side(a), side(b))
    first, second = found.ways["answers"].metrics["exact_match"], found.ways["file"].metrics["exact_match"]
    assert (first.p, first.p_holm) == (pytest.approx(2 / 128), pytest.approx(4 / 128))
    assert (second.p, second.p_holm) == (1.0, 1.0)


def scored(values: dict[int, tuple[float, ...]]) -> list[AnsweredRow]:
    """Given texts, scored token by token."""
    return [AnsweredRow(row(number), "", log_probabilities=each) for number, each in values.items()]


def test_of_a_loss_the_rows_with_the_largest_changes_are_shown() -> None:
    a = scored({number: (-1.0, -1.0) for number in range(6)})
    b = scored({0: (-1.0, -1.0), 1: (-2.0, -4.0), 2: (-1.5, -1.5), 3: (-0.5, -0.5), 4: (0.0, 0.0), 5: (-1.0, -1.0)})
    metrics = ("loss", "perplexity")
    found = compared(side({"heldout": (metrics, a)}), side({"heldout": (metrics, b)})).ways["heldout"]
    assert found.metrics["loss"].a == 1.0 and found.metrics["loss"].b == pytest.approx(14 / 12)
    assert found.metrics["loss"].direction == "lower"
    changed = found.changed
    assert changed is not None and not changed.right_or_wrong
    assert [(one.row, one.b_value) for one in changed.losses] == [("row0001", 3.0), ("row0002", 1.5)]
    assert [(one.row, one.b_value) for one in changed.gains] == [("row0004", 0.0), ("row0003", 0.5)]


def test_the_same_text_as_other_tokens_is_counted() -> None:
    a, b = scored({0: (-1.0,), 1: (-1.0,)}), scored({0: (-1.0, -1.0), 1: (-1.0,)})
    found = compared(side({"heldout": (("loss",), a)}), side({"heldout": (("loss",), b)}))
    assert found.ways["heldout"].other_tokens == 1
    weighted = [a[0], replace(a[1], weights=(0.5,))]
    found = compared(side({"heldout": (("loss",), a)}), side({"heldout": (("loss",), weighted)}))
    assert found.ways["heldout"].other_tokens == 1


def test_a_row_that_cannot_be_measured_on_one_side_counts_on_neither() -> None:
    a = said({0: "true", 1: "true", 2: "true"})
    b = [*said({0: "true", 1: "no"}), AnsweredRow(row(2), "", finish="error")]
    one = compared(side({"answers": (WRITTEN, a)}), side({"answers": (WRITTEN, b)})).ways["answers"]
    metric = one.metrics["exact_match"]
    assert (metric.n, metric.unmeasured, metric.a, metric.b) == (2, 1, 1.0, 0.5)
    assert one.changed is not None and one.changed.lost == 1


def test_a_metric_without_a_better_side_has_no_verdict_and_no_losses() -> None:
    a, b = said({number: "one" for number in range(30)}), said({number: "one two" for number in range(30)})
    found = compared(side({"answers": (("length",), a)}), side({"answers": (("length",), b)})).ways["answers"]
    assert (found.metrics["length"].difference, found.metrics["length"].verdict) == (1.0, "")
    assert found.changed is None and found.lost_slices == ()


def test_metrics_of_either_side_are_computed_for_both() -> None:
    a, b = said(right({0}, 8)), said(right({1}, 8))
    found = compared(side({"answers": (("exact_match",), a)}), side({"answers": (("length",), b)})).ways["answers"]
    assert list(found.metrics) == ["exact_match", "length"]
    assert found.metrics["length"].a is not None and found.metrics["exact_match"].b is not None


def test_wanted_metrics_are_the_only_ones() -> None:
    ways = {"answers": (("exact_match", "length"), said(right({0}, 8))), "heldout": (("loss",), scored({0: (-1.0,)}))}
    found = compared(side(ways), side(ways), "length")
    assert {way: list(one.metrics) for way, one in found.ways.items()} == {"answers": ["length"]}
    with pytest.raises(UserError, match=r"no way in which bleu was measured.*There is: exact_match, length, loss"):
        compared(side(ways), side(ways), "bleu")


def test_ways_of_one_side_are_named_with_the_reason() -> None:
    both = {"answers": (WRITTEN, said(right({0}, 8)))}
    a = side(both | {"latency": (("latency",), said({0: "x"})), "bias": (("stereotype",), said({0: "x"}))})
    b = side(both, unmeasured={"bias": "this model is far away"})
    found = compared(a, b)
    assert found.only_a == {"latency": "it was not asked for there", "bias": "this model is far away"}
    assert found.only_b == {}
    assert compared(b, a).only_b == found.only_a


def test_nothing_in_common_is_one_sentence() -> None:
    a, b = side({"answers": (WRITTEN, said({0: "x"}))}), side({"heldout": (("loss",), scored({0: (-1.0,)}))})
    with pytest.raises(UserError, match=r"no way of asking in common: A has answers; B has heldout.*--suite NAME"):
        compared(a, b)
    with pytest.raises(UserError, match=r"no row was answered by both: answers \(1 of A, 2 of B\)"):
        compared(a, side({"answers": (WRITTEN, said({7: "x", 8: "x"}))}))
    with pytest.raises(UserError, match="A has none; B has none"):
        compared(side({}), side({}))


def test_a_way_without_a_common_row_stands_beside_one_that_has_some() -> None:
    a = {"answers": (WRITTEN, said({0: "true"})), "file": (WRITTEN, said({1: "true"}))}
    b = {"answers": (WRITTEN, said({0: "true"})), "file": (WRITTEN, said({2: "true"}))}
    found = compared(side(a), side(b)).ways["file"]
    assert (found.rows, found.only_a, found.only_b, found.metrics, found.changed) == (0, 1, 1, {}, None)


def test_rows_that_the_other_was_trained_on_are_reported() -> None:
    a = side({"answers": (WRITTEN, said({0: "x", 1: "x", 2: "x"}))}, trained=frozenset({"row0005"}))
    b = side({"answers": (WRITTEN, said({1: "x", 2: "x", 5: "x"}))}, trained=frozenset({"row0000", "row0001"}))
    seen = {one.trained: one for one in compared(a, b).seen}
    assert (seen["a"].compared, seen["a"].elsewhere, seen["a"].rows) == (0, 1, ("row0005",))
    assert (seen["b"].compared, seen["b"].elsewhere, seen["b"].rows) == (1, 1, ("row0001",))


def test_a_variant_of_a_row_that_was_trained_on_is_found() -> None:
    a = side({"robustness": (WRITTEN, said({7: "x"}, original="row0001", family="row0001"))})
    assert compared(a, replace(a, trained=frozenset({"row0001"}))).seen[0].compared == 1


def ranked(labels: tuple[str, ...], choices: dict[int, tuple[str, tuple[float, ...]]]) -> list[AnsweredRow]:
    """The likeliest of known labels: by row its own label, and the log-probability of each label."""
    return [
        AnsweredRow(row(number, label=label), "", labels[int(np.argmax(values))], choices=values)
        for number, (label, values) in choices.items()
    ]


def test_sides_that_chose_from_other_labels_are_scored_with_their_own() -> None:
    metrics, sure = ("accuracy", "calibration"), (-0.1, -3.0)
    a = ranked(("x", "y"), {0: ("x", sure), 1: ("y", sure[::-1])})
    b = ranked(("y", "x"), {0: ("x", sure[::-1]), 1: ("y", sure)})
    same = compared(
        side({"labels_ranked": (metrics, a)}, labels=("x", "y")),
        side({"labels_ranked": (metrics, b)}, labels=("y", "x")),
    )
    one = same.ways["labels_ranked"]
    assert one.metrics["calibration"].a == one.metrics["calibration"].b != 0
    assert (one.rows, same.labels_differ) == (2, False)
    more = compared(
        side({"labels_ranked": (metrics, a)}, labels=("x", "y")),
        side({"labels_ranked": (metrics, b)}, labels=("y", "x", "z")),
    )
    assert more.labels_differ


def test_a_record_without_labels_takes_those_of_the_other() -> None:
    answers = labelled({number: ("ab"[number % 2], "a") for number in range(10)})
    ways = {"labels_generated": (("f1",), answers)}
    found = compared(side(ways, labels=("a", "b")), side(ways)).ways["labels_generated"].metrics["f1"]
    assert found.a == found.b == pytest.approx((2 / 3) / 2)


def test_one_model_alone_on_each_side_is_compared_as_it_is() -> None:
    a, b = side({"answers": (WRITTEN, said(right({0}, 8)))}), side({"answers": (WRITTEN, said(right({0}, 8)))})
    alone = replace(b, answers=[replace(one, tuned=None, base=said(right({0, 1}, 8))) for one in b.answers])
    assert compared(a, alone).ways["answers"].metrics["exact_match"].difference == 0.125
