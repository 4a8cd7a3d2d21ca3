"""The way of one row through a data set: from its line in a file to where it stands, or to why it is gone."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute

from tunewright.core.appended import json_lines
from tunewright.core.errors import UserError
from tunewright.data import fates
from tunewright.data.rows import SPLITS
from tunewright.data.scan import blocks

pc: Any = pyarrow.compute  # made when it is imported: no type checker knows its functions
ID = re.compile(r"[0-9a-f]{4,64}")
PLACE = re.compile(r"(.+):(\d{1,18})")
MOST_PLACES = 20
MOST_CHANGES = 20
Place = tuple[str, int]
"""A file as the recipe names it, and a line of it."""


@dataclass(frozen=True)
class Wanted:
    """Which row is meant: the first characters of its id, or a file (or the end of its path) and a line."""

    id: str = ""
    file: str = ""
    line: int = 0

    def is_file(self, source: str) -> bool:
        """True when a source is the file that is meant."""
        return source == self.file or source.endswith(f"/{self.file}")


@dataclass(frozen=True)
class Standing:
    """A row in a data set. `index`: its place in the split, from 0; `before`: its id before steps changed it."""

    id: str
    split: str
    index: int
    source: str
    line: int
    changes: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True)
class Event:
    """What became of a row in a step or in encoding: its `fate`, the `reason`, and the `other` row that it names."""

    id: str
    fate: str
    reason: str
    split: str = ""
    other: str = ""
    source: str = ""
    line: int = 0


@dataclass(frozen=True)
class Story:
    """A line of a file in one data set. `instead`: rows that stay in its favour."""

    source: str
    line: int
    events: tuple[Event, ...] = ()
    standing: tuple[Standing, ...] = ()
    instead: tuple[Standing, ...] = ()


def wanted(text: str) -> Wanted:
    """What a user means by a row. Raises UserError when it is neither form."""
    if found := PLACE.fullmatch(text):
        return Wanted(file=found[1].removeprefix("./"), line=int(found[2]))
    if ID.fullmatch(text.lower()):
        return Wanted(id=text.lower())
    raise UserError(
        f'"{text[:80]}" is no row.',
        where="ROW",
        do="Write at least 4 characters of its id (0-9, a-f), or a file and a line: data/train.jsonl:17",
    )


def stories(folder: Path, row: Wanted) -> list[Story]:
    """What became of a row in the data set of a folder; empty when it never met it.

    Raises UserError when an id's first characters mean several rows, OutsideError for damaged files.
    """
    places = [(row.file, row.line)] if row.file else _places(folder, row.id)
    if not places:
        return []
    at = _at(row) if row.file else _among(places)
    events = list(_events(folder, at))
    standing = list(_standing(folder, at))
    if row.file:
        events += _quarantined(folder, row)
    places = list(dict.fromkeys((each.source, each.line) for each in (*standing, *events)))
    return [_story(folder, place, events=events, standing=standing) for place in places[:MOST_PLACES]]


def _story(folder: Path, place: Place, *, events: Sequence[Event], standing: Sequence[Standing]) -> Story:
    own = tuple(each for each in events if (each.source, each.line) == place)
    stays = tuple(each for each in standing if (each.source, each.line) == place)
    others = {each.other for each in own if each.fate in ("duplicate", "dropped") and each.other}
    return Story(*place, own, stays, tuple(_instead(folder, others)) if others else ())


def _places(folder: Path, prefix: str) -> list[Place]:
    """Where rows come from that have, or once had, an id that begins so."""
    found: dict[str, list[Place]] = {}
    for each in _events(folder, lambda block: pc.or_(_begins(block, "id", prefix), _is_change_to(block, prefix))):
        name = each.id if each.id.startswith(prefix) else each.other
        found.setdefault(name, []).append((each.source, each.line))
    for each in _standing(folder, lambda block: pc.or_(_begins(block, "id", prefix), _was(block, prefix))):
        name = each.id if each.id.startswith(prefix) else each.before
        if name.startswith(prefix):
            found.setdefault(name, []).append((each.source, each.line))
    groups = {name: list(dict.fromkeys(places)) for name, places in found.items()}
    if len({tuple(sorted(places)) for places in groups.values()}) > 1:
        some = ", ".join(f"{name[:16]} ({places[0][0]}:{places[0][1]})" for name, places in list(groups.items())[:5])
        raise UserError(f'"{prefix}" means {len(groups)} rows: {some}.', where=str(folder), do="Write more of the id.")
    return next(iter(groups.values()), [])


def _instead(folder: Path, ids: set[str]) -> Iterator[Standing]:
    """Where rows stand that had these ids when another went in their favour."""
    known = set(ids)
    for _ in range(MOST_CHANGES):
        array = pa.array(sorted(known))
        later = {
            each.other
            for each in _events(folder, lambda block, array=array: pc.is_in(block["id"], value_set=array))
            if each.fate == "changed"
        }
        if later <= known:
            break
        known |= later
    array = pa.array(sorted(known))
    yield from _standing(folder, lambda block: pc.is_in(block["id"], value_set=array))


Filter = Callable[[pa.RecordBatch], Any]


def _events(folder: Path, keep: Filter) -> Iterator[Event]:
    path = folder / fates.NAME
    if not path.exists():
        return  # data sets of earlier versions have none
    for _begin, block in blocks(path, fates.SCHEMA.names):
        for values in block.filter(keep(block)).to_pylist():
            yield Event(**{name: value for name, value in values.items() if value is not None})


def _standing(folder: Path, keep: Filter) -> Iterator[Standing]:
    for split in SPLITS:
        for begin, block in blocks(folder / f"{split}.parquet", ("id", "source", "line", "details")):
            numbers = pa.array(range(begin, begin + block.num_rows), pa.int64())
            for values in block.append_column("index", numbers).filter(keep(block)).to_pylist():
                details = json.loads(values.pop("details", None) or "{}")
                changes = tuple(details.get("changes", ()))
                yield Standing(**values, split=split, changes=changes, before=details.get("before", ""))


def _quarantined(folder: Path, row: Wanted) -> list[Event]:
    return [
        Event("", "quarantined", str(each.get("reason", "")), source=str(each["file"]), line=row.line)
        for each in json_lines(folder / "quarantine.jsonl")
        if each.get("line") == row.line and row.is_file(str(each.get("file", "")))
    ]


def _at(row: Wanted) -> Filter:
    def keep(block: pa.RecordBatch) -> Any:
        source = block["source"]
        same = pc.or_(pc.equal(source, row.file), pc.ends_with(source, f"/{row.file}"))
        return pc.and_(same, pc.equal(block["line"], row.line))

    return keep


def _among(places: Iterable[Place]) -> Filter:
    lines, known = pa.array(sorted({line for _, line in places}), pa.int64()), set(places)

    def keep(block: pa.RecordBatch) -> Any:
        close = pc.is_in(block["line"], value_set=lines)
        if not pc.any(close).as_py():
            return close
        pairs = zip(block["source"].to_pylist(), block["line"].to_pylist(), strict=True)
        return pa.array([pair in known for pair in pairs])

    return keep


def _begins(block: pa.RecordBatch, column: str, prefix: str) -> Any:
    return pc.fill_null(pc.starts_with(block[column], prefix), False)


def _is_change_to(block: pa.RecordBatch, prefix: str) -> Any:
    return pc.and_(pc.equal(block["fate"], "changed"), _begins(block, "other", prefix))


def _was(block: pa.RecordBatch, prefix: str) -> Any:
    """Rows whose details may say that they once had such an id; exactly which, is seen when they are read."""
    if "details" not in block.schema.names:
        return pa.array([False] * block.num_rows)
    return pc.fill_null(pc.match_substring(block["details"], f'"before": "{prefix}'), False)
