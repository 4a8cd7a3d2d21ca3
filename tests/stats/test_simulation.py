"""A short run of scripts/simulate_statistics.py: a test that alarms too often, an interval that covers too little.

The bars are those of the whole run, missed by more than four standard errors of this short one; so it fails for a
mistake, not by chance. The whole run makes docs/evidence/statistics.json.
"""

from __future__ import annotations

import json

import pytest
from simulate_statistics import EVIDENCE, LEVEL, PAGE, measure, misses, table
from statistics_cases import CASES, Case

SLOW = {"mcnemar_100", "difference_heavy_loss", "bca_macro_f1", "bca_loss", "difference_macro_f1", "families"}
"""Cases left to the whole run: each has a smaller sister here, or no bar."""


@pytest.mark.parametrize("case", [case for case in CASES if case.name not in SLOW], ids=lambda case: case.name)
def test_a_short_simulation_meets_the_bars(case: Case) -> None:
    line = measure(case, replications=round(50 / case.part))
    assert misses(case, line, errors=4) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_evidence_is_of_these_cases_and_meets_the_bars(case: Case) -> None:
    line = json.loads(EVIDENCE.read_text(encoding="utf-8"))[case.name]
    assert (line["nominal"], line["n"], line["barred"]) == (LEVEL, case.n, case.barred)
    assert line["replications"] >= 2_000
    assert misses(case, line) == []


def test_the_page_shows_the_evidence() -> None:
    assert table(json.loads(EVIDENCE.read_text(encoding="utf-8"))) in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("n", "always", "line"),
    [
        (30, False, {"false_alarm_rate": 0.0601, "coverage": None}),
        (200, False, {"false_alarm_rate": None, "coverage": 0.934}),
        (50, True, {"false_alarm_rate": None, "coverage": 0.949}),
        (50, True, {"false_alarm_rate": None, "coverage": 0.99, "width": 2.1, "fixed_width": 1.0}),
    ],
)
def test_a_missed_bar_is_said(n: int, always: bool, line: dict[str, float | None]) -> None:
    case = Case("made", n, once=lambda generator: {}, always=always)
    assert len(misses(case, line | {"replications": 2_000})) == 1
    assert misses(Case("made", n, once=case.once, always=always, barred=False), line | {"replications": 2_000}) == []


def test_too_many_false_alarms_are_noticed_in_a_short_run() -> None:
    """A test that ignores that rows come in families."""

    def careless(generator) -> dict[str, float]:
        return {"false_alarm_rate": families.once(generator)["false_alarm_rate_of_rows"]}

    families = next(case for case in CASES if case.name == "families_60")
    case = Case("careless", 60, once=careless)
    assert misses(case, measure(case, replications=60), errors=4) != []
