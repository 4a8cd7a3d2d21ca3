"""What the demo promises is checked, not just printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from demo import FOLDER, ROOT, accuracy, summary


def measured(tuned: float, *, difference: float, p: float) -> dict[str, Any]:
    found = {"base": 0.2, "tuned": tuned, "difference": difference, "interval": [0.6, 0.8], "p": p, "n": 300}
    return {"suites": {"labels_best": {"accuracy": found}}}


def test_a_good_model_keeps_the_promise() -> None:
    found, short = accuracy(measured(0.9, difference=0.7, p=1e-9))
    assert (found["tuned"], short) == (0.9, [])


@pytest.mark.parametrize(
    ("tuned", "difference", "p", "said"),
    [(0.84, 0.64, 1e-9, "84.0%"), (0.9, 0.7, 0.2, "p = 0.2"), (0.9, -0.05, 1e-9, "-5.0%")],
    ids=["too weak", "by chance", "worse"],
)
def test_a_model_that_falls_short_is_told(tuned: float, difference: float, p: float, said: str) -> None:
    _found, short = accuracy(measured(tuned, difference=difference, p=p))
    assert len(short) == 1 and said in short[0]


def test_the_summary_says_where_the_report_is_and_what_to_type_next() -> None:
    found, _short = accuracy(measured(0.9, difference=0.7, p=1e-9))
    report = FOLDER / ".tunewright" / "runs" / "abc" / "report.html"
    text = summary(found, report=report, seconds=432, home=FOLDER / ".tunewright")
    assert "examples/icd/.tunewright/runs/abc/report.html" in text
    assert "tunewright chat examples/icd" in text
    assert "7.2 minutes" in text
    assert "TUNEWRIGHT_HOME" not in text
    assert "TUNEWRIGHT_HOME=.cache/smoke " in summary(found, report=report, seconds=1, home=ROOT / ".cache" / "smoke")


def test_the_demo_lives_in_the_repository() -> None:
    assert (FOLDER / "recipe.yaml").exists() and Path(ROOT, "Makefile").exists()
