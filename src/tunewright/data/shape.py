"""Which form the rows have: as the recipe says, or by the columns of the first rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import RawRow, Shape, Source
from tunewright.data.files import SourceFile, source_type

MOST_NAMED = 12
LOOKED_AT = 100
"""Rows that detection reads: enough to pass over some bad ones."""


def choose_shape(
    shapes: Mapping[str, Shape], sources: Mapping[str, Source], *, files: Sequence[SourceFile]
) -> tuple[str, Shape]:
    """Name and shape. Raises UserError when no shape fits at least half of the first rows, or several do."""
    if len(shapes) == 1:
        return next(iter(shapes.items()))
    rows = list(islice(good_rows(sources, files), LOOKED_AT))
    if not rows:
        raise nothing_readable(sources, files)
    fitting = [name for name, shape in sorted(shapes.items()) if 2 * count_fits(shape, rows) >= len(rows)]
    if len(fitting) == 1:
        return fitting[0], shapes[fitting[0]]
    columns = ", ".join(sorted(rows[0]))[:200]
    if not fitting:
        raise UserError(
            f"the rows have no known shape; the first has the columns {columns}.",
            where=files[0].name,
            do=f"Write data.shape with the names of your columns; there is: {', '.join(sorted(shapes))}.",
        )
    raise UserError(
        f"the rows fit several shapes: {', '.join(fitting)}; the first has the columns {columns}.",
        where=files[0].name,
        do=f"Write which one is meant, for example data.shape: {fitting[0]}.",
    )


def told_columns(sources: Mapping[str, Source], *, files: Sequence[SourceFile]) -> str:
    """Columns of the first good row, for people: what was seen when the shape was found."""
    row = next(good_rows(sources, files), {})
    return ", ".join(name[:40] for name in islice(sorted(row), MOST_NAMED)) + (", …" if len(row) > MOST_NAMED else "")


def count_fits(shape: Shape, rows: Sequence[Mapping[str, Any]]) -> int:
    """How many rows are of a shape."""
    return sum(shape.fits(frozenset(row), row) for row in rows)


def raw_rows(sources: Mapping[str, Source], files: Sequence[SourceFile]) -> Iterator[RawRow]:
    """Rows of all files, good and bad."""
    for file in files:
        yield from sources[source_type(file, sources)].read(file.path)


def good_rows(sources: Mapping[str, Source], files: Sequence[SourceFile]) -> Iterator[Mapping[str, Any]]:
    """Values of the rows that can be read."""
    return (row.value for row in raw_rows(sources, files) if row.value is not None)


def nothing_readable(sources: Mapping[str, Source], files: Sequence[SourceFile]) -> UserError:
    """The sentence for files without a single good row, with the first problem in them."""
    first = next(raw_rows(sources, files), None)
    what = f"no row can be read; line {first.line}: {first.problem}".rstrip(".") if first else "there are no rows"
    what += "" if what.endswith("?") else "."
    return UserError(what, where=files[0].name, do="Mend the file, or name another one in data.train.")
