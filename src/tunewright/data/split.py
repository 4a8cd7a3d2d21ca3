"""The division of rows: seeded, stratified by label, independent of file order; or by groups, or by time.

Equal rows always stand on one side, and so do preference pairs with one prompt and rows of one family.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.data.instants import instants
from tunewright.data.rows import side_key
from tunewright.recipe.recipe import SplitOptions

Group = list[int]
"""Places, in the list that is divided, of rows that belong together."""


def divide(rows: Sequence[Row], shares: Mapping[str, float], *, options: SplitOptions) -> dict[str, list[Row]]:
    """Rows by split: those named in `shares` and train; file order within each.

    A row's side depends on the seed, its content and the counts of labels, never on its place in a file. In each
    stratum a split gets its share up or down to a whole row, and training keeps at least one. With `by` the groups
    are drawn until a split has its share of rows; with `time` the newest rows are the test, those before them the
    validation. Raises UserError where a row has no such column.
    """
    if options.by is None and options.time is None:
        sides = assign(strata(rows, by_label=stratified(rows, options)), shares, seed=options.seed)
    else:
        fill = in_turn if options.time is not None else packed
        sides = fill(in_order(rows, options), shares, total=len(rows))
    result: dict[str, list[Row]] = {"train": [], **{split: [] for split in shares}}
    for index, row in enumerate(rows):
        result[sides.get(index, "train")].append(row)
    return result


def stratified(rows: Sequence[Row], options: SplitOptions) -> bool:
    """Are shares of labels kept equal? Raises UserError when that is asked for and rows have no labels."""
    labelled = any(row.label is not None for row in rows)
    if options.stratify == "label" and rows and not labelled:
        raise UserError("the rows have no labels.", where="data.split.stratify", do="Write auto or none.")
    return options.stratify != "none" and labelled


def strata(rows: Sequence[Row], *, by_label: bool) -> dict[str, dict[str, Group]]:
    """Label to groups of rows that belong together, each under the smallest id in it."""
    found: dict[str, dict[str, Group]] = defaultdict(dict)
    for group in together(rows):
        first = min((rows[index] for index in group), key=lambda row: row.id)
        found[(first.label or "") if by_label else ""][first.id] = group
    return found


def together(rows: Sequence[Any], values: Sequence[str] | None = None) -> list[Group]:
    """Groups of rows that must stand on one side: of one content, of one family, and of one value where some are given.

    What is shared with one member is shared with all: two families that have a row in common are one group.
    """
    parent = list(range(len(rows)))

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    first: dict[Hashable, int] = {}
    for place, row in enumerate(rows):
        shared: list[Hashable] = [side_key(row), *(("family", family) for family in [family_of(row)] if family)]
        for key in (*shared, ("value", values[place])) if values is not None else shared:
            other = root(first.setdefault(key, place))
            parent[max(root(place), other)] = min(root(place), other)
    groups: dict[int, Group] = defaultdict(list)
    for place in range(len(rows)):
        groups[root(place)].append(place)
    return list(groups.values())


def family_of(row: Any) -> str | None:
    """The examples that a row depends on, where a shape or a step says so."""
    return row.family if hasattr(row, "family") else row.details.get("family")


def in_order(rows: Sequence[Row], options: SplitOptions) -> list[Group]:
    """Groups in the order in which they leave training: the newest first, or as they are drawn."""
    values = list(_column(rows, options.by, key="by")) if options.by is not None else None
    groups = together(rows, values)
    drawn = {index: min(lot(options.seed, rows[place].id) for place in group) for index, group in enumerate(groups)}
    if options.time is None:
        return [groups[index] for index in sorted(drawn, key=lambda index: drawn[index])]
    times = instants(list(_column(rows, options.time, key="time")), [f"{row.source}:{row.line}" for row in rows])
    newest = {index: max(times[place] for place in group) for index, group in enumerate(groups)}
    return [groups[index] for index in sorted(drawn, key=lambda index: (-newest[index], drawn[index]))]


def _column(rows: Sequence[Row], name: str, *, key: str) -> Iterator[str]:
    """What each row has in a kept column. Raises UserError when one has nothing."""
    for row in rows:
        value = row.details.get("columns", {}).get(name)
        if value is None:
            raise UserError(
                f'{row.source}:{row.line} has nothing in the column "{name}".',
                where=f"data.split.{key}",
                do="Name the column in data.keep, and give every row a value.",
            )
        yield value


def in_turn(groups: Sequence[Group], shares: Mapping[str, float], *, total: int) -> dict[int, str]:
    """Place to split: the test is filled first, then validation, with whole groups for as long as one brings it nearer.

    The last group stays in training.
    """
    sides: dict[int, str] = {}
    at = 0
    for split in sorted(shares):
        left = shares[split] * total
        while at < len(groups) - 1 and abs(left - len(groups[at])) < left:
            sides.update(dict.fromkeys(groups[at], split))
            left -= len(groups[at])
            at += 1
    return sides


def packed(groups: Sequence[Group], shares: Mapping[str, float], *, total: int) -> dict[int, str]:
    """The same where the order means nothing: a group that is too large for a split is passed over."""
    sides: dict[int, str] = {}
    free = list(groups)[:-1]
    for split in sorted(shares):
        left = shares[split] * total
        rest: list[Group] = []
        for group in free:
            if abs(left - len(group)) < left:
                sides.update(dict.fromkeys(group, split))
                left -= len(group)
            else:
                rest.append(group)
        free = rest
    return sides


def assign(layers: Mapping[str, Mapping[str, Group]], shares: Mapping[str, float], *, seed: int) -> dict[int, str]:
    """Place to split, for the rows that leave training."""
    sizes = {label: len(groups) for label, groups in layers.items()}
    free = {label: size - 1 for label, size in sizes.items()}
    order = {label: sorted(groups, key=lambda name: lot(seed, name)) for label, groups in layers.items()}
    sides: dict[int, str] = {}
    for split, share in sorted(shares.items()):
        for label, count in allocate(sizes, share, free=free).items():
            for _ in range(count):
                name = order[label].pop()
                sides.update(dict.fromkeys(layers[label][name], split))
            free[label] -= count
    return sides


def lot(seed: int, name: str) -> bytes:
    """The place of a row in the draw."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def allocate(sizes: Mapping[str, int], share: float, *, free: Mapping[str, int]) -> dict[str, int]:
    """Groups of each stratum for one split, by largest remainder; none takes more than is free."""
    quota = {label: share * size for label, size in sizes.items()}
    counts = {label: min(math.floor(quota[label]), free[label]) for label in sorted(sizes)}
    left = math.floor(share * sum(sizes.values()) + 0.5) - sum(map(math.floor, quota.values()))
    for label in sorted(counts, key=lambda label: (math.floor(quota[label]) - quota[label], label)):
        if left > 0 and quota[label] > counts[label] and counts[label] < free[label]:
            counts[label] += 1
            left -= 1
    return counts
