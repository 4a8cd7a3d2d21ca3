"""The file of decisions: what stands after undo, a kill, and an editor's slip."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.review.reviews import decision, keep
from tunewright.data.review.decisions import Decisions, origin_of


def test_a_later_decision_takes_the_place_of_an_earlier_one(tmp_path: Path) -> None:
    file = tmp_path / "review.jsonl"
    keep(file, decision("Ann", "a", rating=2), decision("Bo", "a", "reject"), decision("ann ", "a", rating=5))
    again = Decisions(file)
    assert [(one.rater, one.verdict, one.rating) for one in again.by_row()["a"]] == [
        ("Bo", "reject", None),
        ("ann ", "accept", 5),
    ]
    assert list(again.raters) == ["ann", "bo"]


def test_what_was_undone_does_not_stand_and_skips_decide_nothing(tmp_path: Path) -> None:
    file = tmp_path / "review.jsonl"
    found = keep(file, decision("Ann", "a"), decision("Ann", "b", "skip"))
    found.undo("Ann", "a", time="t")
    assert Decisions(file).by_row() == {}
    assert Decisions(file).digest == ""
    assert list(Decisions(file).raters["ann"].decisions) == ["b"]


def test_a_torn_last_line_costs_that_line_alone_and_the_next_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "review.jsonl"
    keep(file, decision("Ann", "a"), decision("Ann", "b"))
    file.write_bytes(file.read_bytes()[:-30])
    torn = Decisions(file)
    assert (list(torn.by_row()), torn.broken) == (["a"], 1)
    torn.keep(decision("Ann", "c"))
    again = Decisions(file)
    assert (list(again.by_row()), again.broken) == (["a", "c"], 1)


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "7",
        "\xff",
        '{"event": "decision"}',
        "[" * 100_000,
        *(
            json.dumps({**good, **bad})
            for good in [
                {
                    "event": "decision",
                    "rater": "A",
                    "row": "r",
                    "origin": "r",
                    "split": "train",
                    "verdict": "accept",
                    "rating": 3,
                    "answer": None,
                    "time": "",
                }
            ]
            for bad in (
                {"rating": 6},
                {"rating": True},
                {"rating": "3"},
                {"verdict": "maybe"},
                {"answer": " "},
                {"answer": 3},
                {"rater": ""},
                {"rater": "x" * 100},
                {"row": None},
                {"event": "guess"},
            )
        ),
    ],
)
def test_a_line_that_is_no_decision_is_counted_and_decides_nothing(tmp_path: Path, line: str) -> None:
    file = tmp_path / "review.jsonl"
    keep(file, decision("Ann", "a"))
    with file.open("a", encoding="latin-1") as lines:
        lines.write(line + "\n")
    found = Decisions(file)
    assert (list(found.by_row()), found.broken) == (["a"], 1)


def test_the_digest_is_of_what_stands(tmp_path: Path) -> None:
    plain = keep(tmp_path / "a.jsonl", decision("Ann", "a", rating=3))
    longer = keep(tmp_path / "b.jsonl", decision("Ann", "a", "reject"), decision("Ann", "b"))
    longer.undo("Ann", "b", time="t")
    longer.keep(decision("Ann", "a", rating=3))
    assert plain.digest == longer.digest != ""
    longer.keep(decision("Ann", "a", rating=4))
    assert plain.digest != longer.digest


def test_the_origin_is_the_name_before_any_change() -> None:
    assert origin_of("new", {"before": "old"}) == "old"
    assert origin_of("new", {}) == "new"
