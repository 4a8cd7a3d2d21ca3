"""The division of rows: seeded, stratified by label, independent of file order.

Equal rows always stand on one side, and so do preference pairs with one prompt.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tunewright.core.errors import UserError
from tunewright.core.ports import Row
from tunewright.data.rows import side_key
from tunewright.recipe.recipe import SplitOptions

Group = list[int]
"""Places, in the list that is divided, of rows that belong together."""


def divide(rows: Sequence[Row], shares: Mapping[str, float], *, options: SplitOptions) -> dict[str, list[Row]]:
    """Rows by split: those named in `shares` and train; file order within each.

    A row's side depends on the seed, its content and the counts of labels, never on its place in a file. In each
    stratum a split gets its share up or down to a whole row, and training keeps at least one.
    """
    sides = assign(strata(rows, by_label=stratified(rows, options)), shares, seed=options.seed)
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
    groups: dict[bytes, Group] = defaultdict(list)
    for index, row in enumerate(rows):
        groups[side_key(row)].append(index)
    found: dict[str, dict[str, Group]] = defaultdict(dict)
    for group in groups.values():
        first = min((rows[index] for index in group), key=lambda row: row.id)
        found[(first.label or "") if by_label else ""][first.id] = group
    return found


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
