"""Seeded draws of rows: they depend on the seed and on what stands in the rows, never on the order of a file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.core.ports import Gone, StepResult
from tunewright.data.split import lot


def drawn(rows: Sequence[Any], places: Sequence[int], *, seed: int) -> list[int]:
    """Places of rows in the order in which they are drawn."""
    return sorted(places, key=lambda place: lot(seed, rows[place].id))


def amount(wanted: float | int, total: int) -> int:
    """A share of a number of rows, or a number of them; never more than there are."""
    return math.floor(wanted * total + 0.5) if isinstance(wanted, float) else min(wanted, total)


def apportion(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """A whole number divided by shares that add up to 1, by largest remainder: each is less than one away."""
    quota = {name: total * share for name, share in shares.items()}
    counts = {name: math.floor(value + 1e-9) for name, value in quota.items()}
    most = sorted(quota, key=lambda name: (counts[name] - quota[name], name))
    for name in most[: total - sum(counts.values())]:
        counts[name] += 1
    return counts


def repeated(rows: Sequence[Any], times: Sequence[int], *, reasons: tuple[str, str]) -> StepResult:
    """Each training row so often; `reasons`: why one is left out, and why one stands there again.

    A copy has its row's id: it is the same example once more. Copies stand after all rows, round by round, each round
    in the order of the rows.
    """
    left_out, again = reasons
    kept: list[Any] = []
    for turn in range(max(times, default=0)):
        kept += [row for row, often in zip(rows, times, strict=True) if often > turn]
    gone = [Gone(row, "train", "dropped", left_out) for row, often in zip(rows, times, strict=True) if not often]
    copies = sum(often - 1 for often in times if often > 1)
    return StepResult({"train": kept}, gone, {again: copies} if copies else {})


def full_rounds(groups: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Place and how often, for `count` rows of a group in the order of its draw: whole rounds, then the first."""
    rounds, rest = divmod(count, len(groups))
    return [(place, rounds + (turn < rest)) for turn, place in enumerate(groups)]
