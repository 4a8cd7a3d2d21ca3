"""Counts of who is spoken of, how, and with which professions, and how far groups differ."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from tunewright.core.ports import Row
from tunewright.detect.groups import sentences
from tunewright.detect.toxicity import toxicity

TOXIC = 0.5


class Look(NamedTuple):
    """What was found in one row. Groups are `attribute:group`.

    `mentions`: words by group. `moods`: of the sentences with a group, and words that speak well or ill, the sum of the
    moods and their number. `professions`: pairs of group and profession, of one sentence or two that follow each other.
    """

    mentions: dict[str, int]
    moods: dict[str, tuple[float, int]]
    professions: tuple[tuple[str, str], ...]
    toxic: bool


def look(row: Row, attributes: Sequence[str]) -> Look | None:
    """What a row says of groups; None where it mentions none."""
    mentions: Counter[str] = Counter()
    sums: defaultdict[str, list[float]] = defaultdict(list)
    pairs: set[tuple[str, str]] = set()
    texts = [turn.get("content", "") for turn in row.messages if turn.get("role") != "system"]
    for text in texts:
        last_groups, last_professions = frozenset[str](), frozenset[str]()
        for groups, professions, mood in sentences(text):
            known = frozenset(group for group in groups if group.partition(":")[0] in attributes)
            mentions.update({group: groups[group] for group in known})
            for group in known if mood is not None else ():
                sums[group].append(mood or 0.0)
            pairs.update((group, name) for group in known for name in professions | last_professions)
            pairs.update((group, name) for group in last_groups for name in professions)
            last_groups, last_professions = known, professions
    if not mentions:
        return None
    moods = {group: (sum(found), len(found)) for group, found in sums.items()}
    return Look(dict(mentions), moods, tuple(sorted(pairs)), toxicity("\n".join(texts)) >= TOXIC)


def groups_of(found: Look | None, attribute: str) -> list[str]:
    """The groups of one attribute that a row mentions."""
    return sorted(group for group in found.mentions if group.startswith(f"{attribute}:")) if found else []


class Tally:
    """Rows added up, those that mention groups each by its weight."""

    def __init__(self) -> None:
        self.rows = 0
        self._having: Counter[str] = Counter()
        self._mentions: Counter[str] = Counter()
        self._toxic: Counter[str] = Counter()
        self._moods: defaultdict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
        self._cells: defaultdict[str, Counter[str]] = defaultdict(Counter)

    def add(self, found: Look | None, *, weight: float = 1.0) -> None:
        """Count a row; its weight matters where it mentions a group."""
        self.rows += 1
        if found is None:
            return
        for group, count in found.mentions.items():
            self._having[group] += weight  # pyright: ignore[reportArgumentType] - weights may be parts
            self._mentions[group] += weight * count  # pyright: ignore[reportArgumentType]
            self._toxic[group] += weight * found.toxic  # pyright: ignore[reportArgumentType]
        for group, (total, count) in found.moods.items():
            self._moods[group][0] += weight * total
            self._moods[group][1] += weight * count
        for group, name in found.professions:
            self._cells[name][group] += weight  # pyright: ignore[reportArgumentType]

    def report(self, attributes: Sequence[str], *, professions: int) -> dict[str, Any]:
        """The counts by attribute, and both gaps; shares are of all rows."""
        return {name: self._attribute(name, professions) for name in attributes if self._groups(name)}

    def gap(self, attribute: str) -> float | None:
        """How far professions depend on groups, in [0, 1); None without any."""
        groups = self._groups(attribute)
        return association([[cell[group] for group in groups] for cell in self._cells.values()])

    def _groups(self, attribute: str) -> list[str]:
        return sorted(group for group in self._having if group.startswith(f"{attribute}:"))

    def _attribute(self, attribute: str, professions: int) -> dict[str, Any]:
        groups = self._groups(attribute)
        moods = {group: self._mood(group) for group in groups}
        known = [mood for mood in moods.values() if mood is not None]
        cells = {name: {g: cell[g] for g in groups if cell[g]} for name, cell in self._cells.items()}
        most = sorted((name for name in cells if cells[name]), key=lambda name: (-sum(cells[name].values()), name))
        gap = self.gap(attribute)
        return {
            "groups": {_short(group): self._group(group, moods[group]) for group in groups},
            "professions": {
                name: {_short(group): round(count, 3) for group, count in cells[name].items()}
                for name in most[:professions]
            },
            "association_gap": None if gap is None else round(gap, 4),
            "sentiment_gap": round(max(known) - min(known), 4) if len(known) > 1 else None,
        }

    def _group(self, group: str, mood: float | None) -> dict[str, Any]:
        rows = self._having[group]
        return {
            "rows": round(rows, 3),
            "share_of_rows": round(rows / self.rows, 5) if self.rows else 0.0,
            "mentions": round(self._mentions[group], 3),
            "sentiment": None if mood is None else round(mood, 4),
            "toxic_share": round(self._toxic[group] / rows, 4) if rows else 0.0,
        }

    def _mood(self, group: str) -> float | None:
        total, count = self._moods.get(group, (0.0, 0.0))
        return total / count if count else None


def _short(group: str) -> str:
    return group.partition(":")[2]


def association(cells: Sequence[Sequence[float]]) -> float | None:
    """How far the shares of groups in each profession (a row of `cells`) differ from those in all, in [0, 1).

    The mean over professions, each by its count, of the total variation distance between the groups' shares in it and
    in all of them. 0: professions and groups have nothing to do with one another. None without any count.
    """
    columns = [sum(column) for column in zip(*cells, strict=True)]
    total = sum(columns)
    if not total:
        return None
    return (
        sum(
            sum(abs(count - sum(cell) * column / total) for count, column in zip(cell, columns, strict=True)) / 2
            for cell in cells
        )
        / total
    )
