"""What answers are worth, over a split: ratings, verdicts, and the margins of preference pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewright.data.report.svg import share


@dataclass
class Range:
    """Numbers as they come: how many, their mean, the smallest and the largest."""

    count: int = 0
    total: float = 0.0
    least: float = float("inf")
    most: float = float("-inf")

    def add(self, value: float) -> None:
        """One more."""
        self.count += 1
        self.total += value
        self.least, self.most = min(self.least, value), max(self.most, value)

    def __str__(self) -> str:
        """For people: mean, and from where to where."""
        return f"{self.total / self.count:.3g} ({self.least:g} to {self.most:g})" if self.count else "–"


@dataclass
class Worth:
    """Counts over rows. `longer`: pairs of which the answer that won has more letters."""

    ratings: Range = field(default_factory=Range)
    margins: Range = field(default_factory=Range)
    good: int = 0
    bad: int = 0
    pairs: int = 0
    longer: int = 0

    def add(self, details: Mapping[str, Any], *, won: str, lost: str | None) -> None:
        """One row: what is said about it, its answer, and the answer that lost where there is one."""
        if "rating" in details:
            self.ratings.add(details["rating"])
        if "margin" in details:
            self.margins.add(details["margin"])
        self.good += details.get("desirable") is True
        self.bad += details.get("desirable") is False
        if lost is not None:
            self.pairs += 1
            self.longer += len(won) > len(lost)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        numbers = {
            name: {"count": own.count, "mean": own.total / own.count, "least": own.least, "most": own.most}
            for name, own in (("ratings", self.ratings), ("margins", self.margins))
            if own.count
        }
        return {**numbers, "good": self.good, "bad": self.bad, "pairs": self.pairs, "longer": self.longer}


def table(found: Mapping[str, Worth]) -> list[tuple[str, Sequence[str]]]:
    """(what, by split) of everything that some split has; none where no row is worth anything."""
    splits = list(found.values())
    lines: list[tuple[str, Sequence[str]]] = []
    if any(one.ratings.count for one in splits):
        lines.append(("Rating: mean, and from where to where", [str(one.ratings) for one in splits]))
    if any(one.good + one.bad for one in splits):
        lines.append(("Answers that count as good", [share(one.good, one.good + one.bad) for one in splits]))
    if any(one.pairs for one in splits):
        lines.append(("Pairs", [f"{one.pairs:,}" for one in splits]))
        lines.append(("Pairs of which the longer answer won", [share(one.longer, one.pairs) for one in splits]))
    if any(one.margins.count for one in splits):
        lines.append(("Margin of a pair: mean, and from where to where", [str(one.margins) for one in splits]))
    return lines
