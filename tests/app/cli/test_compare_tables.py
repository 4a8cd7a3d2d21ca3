"""Two runs side by side, for people."""

from __future__ import annotations

from typing import Any

import pytest

from tests.evaluate.two_sides import compared, labelled, said, side
from tunewright.app.cli import compare_tables as tables
from tunewright.app.comparing import Different, Facts, PairedGate, TwoRuns
from tunewright.evaluate.side_by_side import SideBySide


def facts(**keys: Any) -> Facts:
    """What is known of a model that is no run of ours."""
    known = {"target": "t", "name": "n", "evaluation": "e" * 64, "folder": "f", "evaluated_at": "", "model": "m" * 64}
    return Facts(**{**known, "other_evaluations": 0, "dataset": "", "split": "test"} | keys)


def two_runs(found: SideBySide, **keys: Any) -> TwoRuns:
    known: dict[str, Any] = {"warnings": (), "recipe": None, "used": None, "gates": ()}
    return TwoRuns(**known | {"a": facts(), "b": facts()} | keys, found=found)


def answers(wrong: int, of: int = 20) -> Any:
    rows = said({number: "no" if number < wrong else "true" for number in range(of)})
    return side({"answers": (("exact_match",), rows)})


def test_a_metric_is_a_line_with_its_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    tables.two_runs(two_runs(compared(answers(20), answers(5))))
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    (metric,) = [line for line in lines if line[:2] == ["exact_match", "0.0000"]]
    assert metric[1:4] == ["0.0000", "0.7500", "+0.7500"] and metric[-1] == "better"
    assert metric[7:9] == ["6.1e-05", "6.1e-05"]  # 15 rows won, none lost: 2 / 2^15
    assert ["answers:", "20", "rows", "that", "both", "answered"] in lines


def test_warnings_come_first_and_what_only_one_has_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    a = answers(3)
    b = answers(3)
    more = side({one.way: (("exact_match",), one.tuned or []) for one in b.answers} | {"bias": ((), said({0: "x"}))})
    tables.two_runs(two_runs(compared(a, more), warnings=("Contaminated: all of it.",), a=facts(other_evaluations=2)))
    shown = capsys.readouterr().out
    assert shown.startswith("Contaminated: all of it.\n")
    assert "Only B has bias; the other: it was not asked for there." in shown
    assert "2 more of A's model" in shown


def test_the_summary_counts_verdicts_and_names_metrics() -> None:
    assert tables.summary(compared(answers(20), answers(0))) == (
        "B is better than A in 1 (exact_match of answers) and worse in 0 of 1 metric; no clear difference in 0."
    )
    assert tables.summary(compared(answers(0), answers(20))).startswith(
        "B is better than A in 0 and worse in 1 (exact_match of answers)"
    )
    nothing = side({"answers": (("length",), said({0: "x"}))})
    assert tables.summary(compared(nothing, nothing)) == "Nothing here says whether B is better than A."


def test_what_a_metric_rests_on_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    answers = labelled({number: ("ab"[number % 2], "ab"[number % 3 == 0]) for number in range(40)})
    spare = [*said({100: "x"})]
    one = side({"labels_generated": (("accuracy",), answers + spare)}, labels=("a", "b"))
    other = labelled({number: ("ab"[number % 2], "ab"[number % 2]) for number in range(40)})
    two = side({"labels_generated": (("accuracy",), other + spare)}, labels=("a", "b"))
    tables.two_runs(two_runs(compared(one, two)))
    shown = capsys.readouterr().out
    assert "accuracy: measured on 40 of 41 rows; a difference of 0." in shown
    assert "would be seen with 80 % power" in shown


def test_gates_keys_and_facts_have_both_values(capsys: pytest.CaptureFixture[str]) -> None:
    found = two_runs(
        compared(answers(3), answers(3)),
        gates=(PairedGate(rule="f1 of test at least 0.8", a=True, b=False), PairedGate(rule="other", a=None, b=True)),
        recipe=(Different(key="training.epochs", a=1, b=2), Different(key="method.rank", a=8, b=None)),
        used=(),
        a=facts(train_s=90.0, peak_memory_bytes=2_000_000_000, tokens=12_345),
    )
    tables.two_runs(found)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["f1", "of", "test", "at", "least", "0.8", "met", "NOT", "MET"] in lines
    assert ["other", "–", "met"] in lines
    assert ["training.epochs", "1", "2"] in lines and ["method.rank", "8", "–"] in lines
    assert ["training", "time", "1", "min", "30", "s", "–"] in lines
    assert ["peak", "memory", "2.00", "GB", "–"] in lines and ["tokens", "12,345", "–"] in lines
    assert ["The", "runs", "used", "the", "same."] in lines


@pytest.mark.parametrize(
    ("value", "told", "signed"),
    [(None, "–", "–"), (0.5, "0.5000", "+0.5000"), (-3.25, "-3.2500", "-3.2500"), (4585.43, "4,585.4", "+4,585.4")],
)
def test_numbers_have_about_as_many_digits(value: float | None, told: str, signed: str) -> None:
    assert (tables.number(value), tables.signed(value)) == (told, signed)
