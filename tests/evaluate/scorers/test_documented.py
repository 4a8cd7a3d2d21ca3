"""docs/explanation/scorers.md names every scorer with its range and direction."""

from __future__ import annotations

import re

from tests.evaluate.fakes import scorers
from tests.house.tree import REPOSITORY
from tunewright.core import catalog

PAGE = REPOSITORY / "docs" / "explanation" / "scorers.md"
LINE = re.compile(r"^\| (`[^|]+) \|[^|]*\| \[(-?\d+|-inf), (-?\d+|inf)\] \| (\w+) \|", re.MULTILINE)


def documented() -> dict[str, tuple[tuple[float, float], str]]:
    """Range and direction of each scorer as the page says."""
    return {
        name: ((float(low), float(high)), direction)
        for names, low, high, direction in LINE.findall(PAGE.read_text(encoding="utf-8"))
        for name in re.findall(r"`(\w+)`", names)
    }


def test_the_page_says_what_the_scorers_say() -> None:
    assert documented() == {name: (scorer.range, scorer.direction) for name, scorer in scorers().items()}


def test_every_scorer_of_the_catalog_is_on_the_page() -> None:
    assert set(documented()) == set(catalog.names("scorers"))
