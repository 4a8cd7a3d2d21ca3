"""The ledger refuses to lie, and the quarantine can be read by anyone."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core.errors import LimitNotMet
from tunewright.data.receipt import Ledger, Quarantine, check_limits, histogram
from tunewright.recipe.recipe import LimitOptions


def test_a_lost_row_or_token_is_a_bug() -> None:
    ledger = Ledger()
    ledger.sources["f"].rows_in = 1
    with pytest.raises(AssertionError, match="loses"):
        ledger.receipt()
    ledger.sources["f"].kept = 1
    assert ledger.receipt().rows.kept == 1
    ledger.tokens["in"] = 5
    with pytest.raises(AssertionError, match="loses"):
        ledger.receipt()


@given(st.lists(st.integers(1, 100_000), max_size=50))
def test_the_histogram_counts_half_octaves(lengths: list[int]) -> None:
    counts = histogram(np.array(lengths, np.int64))
    assert sum(counts) == len(lengths)
    for index, count in enumerate(counts):
        assert count == sum(2 ** (index / 2) <= length < 2 ** ((index + 1) / 2) for length in lengths)


@given(st.text(), st.text())
def test_the_quarantine_is_ascii_json(tmp_path_factory: pytest.TempPathFactory, detail: str, raw: str) -> None:
    path = tmp_path_factory.getbasetemp() / "quarantine.jsonl"
    with Quarantine(path) as quarantine:
        quarantine.add(file="f", line=3, reason="x", detail=detail, raw=raw * 1000)
        quarantine.add(file="f", line=4, reason="x", detail="\ud800", raw="")
    entries = [json.loads(line) for line in path.read_bytes().decode("ascii").splitlines()]
    assert [entry["line"] for entry in entries] == [3, 4]
    assert entries[0]["raw"] == (raw * 1000)[:2000].encode("utf-8", "backslashreplace").decode()
    assert entries[0]["detail"] == detail.encode("utf-8", "backslashreplace").decode()
    assert entries[1]["detail"] == "\\ud800"


def test_limits_are_shares_or_rows_and_all_are_said(tmp_path: Path) -> None:
    ledger = Ledger()
    tally = ledger.sources["f"]
    tally.rows_in = 100
    tally.duplicate["duplicate_of_train"] = 10
    tally.quarantined["broken_json"] = 5
    check_limits(LimitOptions(quarantined_rows=0.05, duplicate_rows=10), ledger, quarantine=tmp_path)
    with pytest.raises(LimitNotMet) as caught:
        check_limits(LimitOptions(quarantined_rows=0.04, duplicate_rows=9), ledger, quarantine=tmp_path)
    assert [problem.where for problem in caught.value.problems] == [
        "data.limits.quarantined_rows",
        "data.limits.duplicate_rows",
    ]
    quarantined, duplicate = caught.value.problems
    assert quarantined.what == "5 of 100 rows were quarantined (broken_json 5); 4.00% are allowed."
    assert str(tmp_path) in quarantined.do
    assert duplicate.what == "10 of 100 rows were duplicate; 9 rows are allowed."
    assert "listed" not in duplicate.do


@pytest.mark.parametrize(
    ("dropped", "what"),
    [
        ({"overlong": 2}, "2 of 25 rows were dropped (overlong 2); 0 rows are allowed."),
        ({"part_without_answer": 2}, "2 parts of 25 rows were dropped (part_without_answer 2); 0 rows are allowed."),
        (
            {"part_without_answer": 2, "nothing_to_train": 1},
            "3 rows and parts of 25 rows were dropped (part_without_answer 2, nothing_to_train 1); 0 rows are allowed.",
        ),
    ],
)
def test_dropped_rows_are_named_by_their_own_reasons_only(tmp_path: Path, dropped: dict[str, int], what: str) -> None:
    ledger = Ledger()
    tally = ledger.sources["f"]
    tally.rows_in = 25
    tally.quarantined["broken_json"] = 1
    tally.dropped.update(dropped)
    with pytest.raises(LimitNotMet) as caught:
        check_limits(LimitOptions(dropped_rows=0), ledger, quarantine=tmp_path)
    (problem,) = caught.value.problems
    assert problem.what == what
    assert str(tmp_path) not in problem.do
