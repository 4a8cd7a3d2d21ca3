"""Which group a row belongs to: its label, its source, or the value of a column that the recipe keeps."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import Row

LABEL, SOURCE = "label", "source"


def values_of(rows: Sequence[Any], by: str, *, where: str) -> list[str | None]:
    """What each row has by `label`, `source` or a kept column, in order; None where it has nothing.

    Raises UserError when no row has anything.
    """
    if by == SOURCE:
        return [row.source for row in rows]
    found = [row.label for row in rows] if by == LABEL else list(column(rows, by))
    if rows and all(value is None for value in found):
        if by == LABEL:
            raise UserError("the rows have no labels.", where=where, do="Name a column that data.keep keeps.")
        raise UserError(f'no row has a column "{by}".', where=where, do="Name it in data.keep, or another here.")
    return found


def column(rows: Iterable[Row], name: str) -> Iterator[str | None]:
    """What each row has in a kept column."""
    return (row.details.get("columns", {}).get(name) for row in rows)


def places_by(values: Iterable[str | None]) -> dict[str, list[int]]:
    """Places of the rows of each group, in order; rows without a value are in none."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, value in enumerate(values):
        if value is not None:
            found[value].append(place)
    return found


def sizes_of(groups: Mapping[str, Sequence[int]]) -> Counter[str]:
    """Rows of each group."""
    return Counter({name: len(places) for name, places in groups.items()})
