"""Columns of sources by what they become: through `data.map` backwards, then as the shape reads them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from jinja2 import meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tunewright.core.ports import ReadsColumns, Shape
from tunewright.data.receipt import Tally
from tunewright.recipe.map import JoinOptions, MapOptions
from tunewright.recipe.recipe import DataOptions

Origins = dict[str, dict[str, tuple[str, ...]]]
"""Columns of a stored row, each with the columns that it came from, by the name of their file."""
LOOKED_AT = 1000
"""Joined rows whose columns are looked at, where the recipe does not name which are taken."""
Place = tuple[str, str]
"""A file, empty for the source itself, and one of its columns."""


@dataclass(frozen=True)
class Joined:
    """The file of `data.map.join`, and the columns that are taken from it; none without one."""

    file: str = ""
    columns: frozenset[str] = frozenset()


def origins_of(options: DataOptions, shape: Shape, *, tallies: Mapping[str, Tally], joined: Joined) -> Origins:
    """What the columns of stored rows came from. A shape that does not say what it reads gives kept columns alone.

    `tallies`: by source, with the columns (after mapping) that its rows have.
    """
    found: Origins = {}
    read = shape.reads() if isinstance(shape, ReadsColumns) else {}
    wanted = {name: tuple(columns) for name, columns in read.items()}
    if options.keep:
        wanted["details"] = (*wanted.get("details", ()), *options.keep)
    for target, columns in wanted.items():
        by_file: dict[str, list[str]] = {}
        for source, tally in tallies.items():
            for column in (name for name in columns if name in tally.columns):
                for file, name in _places(column, options.map, joined=joined, seen=tally.columns):
                    by_file.setdefault(file or source, []).append(name)
        if by_file:
            found[target] = {file: tuple(dict.fromkeys(names)) for file, names in by_file.items()}
    return found


def joined_columns(join: JoinOptions, table: Mapping[Any, Mapping[str, Any]], *, file: str) -> Joined:
    """What a join brings."""
    some = islice(table.values(), LOOKED_AT)
    return Joined(file, frozenset(join.columns) or frozenset().union(*some))


def _places(column: str, options: MapOptions | None, *, joined: Joined, seen: set[str]) -> Iterator[Place]:
    """Where a column that a shape reads stands in the files."""
    if options is None:
        yield "", column
        return
    before = [column]
    if column in options.columns:
        text = ImmutableSandboxedEnvironment().parse(options.columns[column])
        before = sorted(name for name in meta.find_undeclared_variables(text) if name in seen)
    for name in before:
        if name in joined.columns:
            yield joined.file, name
        else:
            yield "", next((old for old, new in options.rename.items() if new == name), name)
