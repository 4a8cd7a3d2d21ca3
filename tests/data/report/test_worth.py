"""The report says what answers are worth, and knows prompts without answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import every
from tests.data.report.folders import folder_of
from tunewright.data.report.statistics import statistics
from tunewright.data.report.write import Told, write_report
from tunewright.data.rows import make_row

SHAPES: dict[str, Any] = {
    "rated": lambda n: {"prompt": f"q {n}", "completion": f"a {n}", "label": n % 4 > 0},
    "preference": lambda n: {"prompt": f"q {n}", "chosen": "yes, do", "rejected": f"{n}" * (n % 9 + 1), "margin": n},
    "prompts": lambda n: {"prompt": f"q {n}", "reference": f"a {n}"},
}
LINES = {
    "rated": ["Rating: mean, and from where to where", "Answers that count as good"],
    "preference": [
        "Pairs",
        "Pairs of which the longer answer won",
        "Margin of a pair: mean, and from where to where",
    ],
    "prompts": [],
}


@pytest.mark.parametrize("shape", SHAPES)
def test_worth_is_told_by_split(tmp_path: Path, shape: str) -> None:
    part = every("shapes")[shape]
    rows = [make_row(part.convert(SHAPES[shape](n)), source="a.jsonl", line=n) for n in range(1, 41)]
    version = folder_of(tmp_path / "d", rows)
    page = write_report(tmp_path / "r.html", tmp_path / "d", version=version, told=Told("t", "c", ["deduplicate"]))
    text, markdown = page.read_text(), page.with_suffix(".md").read_text()
    for line in LINES[shape]:
        assert line in text and f"| {line} |" in markdown
    assert ("What answers are worth" in text) == bool(LINES[shape])
    train = json.loads(page.with_suffix(".json").read_text())["splits"]["train"]["worth"]
    known = statistics(tmp_path / "d")
    stored = [row for place, row in enumerate(rows) if place % 20 not in (0, 10)]
    assert train["good"] == sum(row.details.get("desirable") is True for row in stored)
    longer = sum(len(row.target) > len(row.rejected[0].get("content", "")) for row in stored if row.rejected)
    assert (train["pairs"], train["longer"]) == (len(stored) if shape == "preference" else 0, longer)
    assert known.unique_prompts.count == len(stored)
    assert known.unique_answers.total == (0 if shape == "prompts" else len(stored))
