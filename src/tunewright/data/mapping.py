"""Columns of a user's own schema as those that a shape reads (`data.map`): renamed, joined, cast, written by templates.

Mapping stands between a source and everything else: detection, shapes and `data.keep` see mapped rows. What cannot be
mapped is a bad row with its reason: `map.rename`, `map.join`, `map.cast`, `map.template`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tunewright.core.errors import UserError
from tunewright.core.ports import RawRow, Source
from tunewright.data.files import SourceFile, join_file, source_type
from tunewright.data.origins import Joined, joined_columns
from tunewright.data.strict import NotAllowed, check_value, decoder
from tunewright.recipe.map import JoinOptions, MapOptions
from tunewright.text.template import FAILURES, to_json

WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
MAX_JOINED = 5_000_000
"""Rows of a joined file; they are held in memory."""
Value = dict[str, Any]


def mapped(
    sources: Mapping[str, Source], options: MapOptions | None, *, folder: Path
) -> tuple[Mapping[str, Source], Joined]:
    """The sources, their rows mapped as the recipe says, and what a join brings.

    Raises UserError for templates and files that cannot be.
    """
    if options is None:
        return sources, Joined()
    table: dict[Any, Value] = {}
    brought = Joined()
    if options.join is not None:
        file = join_file(options, folder)
        table = joined(options.join, sources, file=file)
        brought = joined_columns(options.join, table, file=file.name)
    mapper = Mapper(options, table)
    return {name: Mapped(source, mapper) for name, source in sources.items()}, brought


class Unmapped(ValueError):
    """A row that cannot be mapped; the text is the problem."""


@dataclass(frozen=True)
class Mapped:
    """Fulfils the port Source over another one."""

    source: Source
    mapper: Mapper

    def read(self, path: Path) -> Iterator[RawRow]:
        """Its rows, mapped."""
        for row in self.source.read(path):
            if row.value is None:
                yield row
                continue
            try:
                yield row._replace(value=self.mapper(row.value))
            except Unmapped as error:
                yield RawRow(row.line, None, problem=str(error), raw=row.raw)


class Mapper:
    """What `data.map` makes of one row."""

    def __init__(self, options: MapOptions, table: Mapping[Any, Value]) -> None:
        self._options = options
        self._table = table
        environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
        environment.filters["tojson"] = to_json
        self._templates = {name: compiled(environment, text, name=name) for name, text in options.columns.items()}

    def __call__(self, value: Value) -> Value:
        """The mapped row. Raises Unmapped."""
        row = self._renamed(value)
        if self._options.join is not None:
            row = self._joined(row, self._options.join)
        for name, kind in self._options.cast.items():
            if row.get(name) is not None:
                row[name] = cast_to(kind, row[name], name=name)
        written = {name: self._written(name, template, row) for name, template in self._templates.items()}
        return row | written

    def _renamed(self, value: Value) -> Value:
        names = self._options.rename
        row: Value = {}
        for name, each in value.items():
            new = names.get(name, name)
            if new in row or (new != name and new in value and new not in names):
                raise Unmapped(f'map.rename: there is already a column "{new}"')
            row[new] = each
        return row

    def _joined(self, row: Value, join: JoinOptions) -> Value:
        key = row.get(join.on)
        partner = self._table.get(key_of(key)) if key is not None else None
        if partner is None:
            if join.unmatched == "keep":
                return row
            raise Unmapped(f'map.join: nothing in {join.path} has "{join.on}" {str(key)[:60]!r}')
        return row | partner

    def _written(self, name: str, template: jinja2.Template, row: Value) -> str:
        try:
            text = template.render(row)
            check_value(text)
        except NotAllowed as error:
            raise Unmapped(f"map.template: {name}: {error}") from error
        except FAILURES as error:
            raise Unmapped(f"map.template: {name}: {' '.join(str(error).split())[:200]}") from error
        return text


def compiled(environment: jinja2.Environment, text: str, *, name: str) -> jinja2.Template:
    """A column's template. Raises UserError when it is none."""
    try:
        return environment.from_string(text)
    except jinja2.TemplateSyntaxError as error:
        raise UserError(
            f"this template cannot be read: {error.message}.",
            where=f"data.map.columns.{name}",
            do="Write columns as {{ name }}.",
        ) from error


def joined(join: JoinOptions, sources: Mapping[str, Source], *, file: SourceFile) -> dict[Any, Value]:
    """Columns of the other file by key. Raises UserError for a bad row, a missing key, and one that stands twice."""
    name = join.key or join.on
    table: dict[Any, Value] = {}
    for row in sources[source_type(file, sources)].read(file.path):
        where = f"{file.name}:{row.line}"
        if row.value is None:
            raise UserError(f"a row to join cannot be read: {row.problem}.", where=where, do="Mend the file.")
        if row.value.get(name) is None:
            do = "Mend the file, or name its column in data.map.join.key."
            raise UserError(f'a row to join has no "{name}".', where=where, do=do)
        key = key_of(row.value[name])
        if key in table or len(table) >= MAX_JOINED:
            what = f'"{name}" {str(row.value[name])[:60]!r} stands twice' if key in table else "there are too many rows"
            raise UserError(f"{what}; a row has one partner at most.", where=where, do="Mend the file.")
        columns = join.columns or tuple(column for column in row.value if column != name)
        if missing := [column for column in columns if column not in row.value and table == {}]:
            raise UserError(f'there is no column "{missing[0]}".', where=where, do="Mend data.map.join.columns.")
        table[key] = {column: row.value[column] for column in columns if column in row.value}
    return table


def key_of(value: Any) -> str:
    """What two equal keys share, whatever file they come from: 7 in Parquet and "7" in CSV are one."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def cast_to(kind: str, value: Any, *, name: str) -> Any:
    """A value in another type. Raises Unmapped when it has no such form."""
    try:
        return CASTS[kind](value)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Unmapped(f'map.cast: "{name}" is no {kind}: {str(value)[:60]!r}') from error


def _text(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value, sort_keys=True)


def _int(value: Any) -> int:
    if isinstance(value, float) and not value.is_integer():
        raise ValueError("a fraction")
    return int(value)


def _float(value: Any) -> float:
    found = float(value)
    if not math.isfinite(found):
        raise ValueError("not finite")
    return found


def _bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word not in WORDS:
        raise ValueError("neither yes nor no")
    return WORDS[word]


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    found, end = decoder().raw_decode(value.strip())
    if end != len(value.strip()):
        raise ValueError("more than one value")
    check_value(found)
    return found


CASTS: dict[str, Callable[[Any], Any]] = {"text": _text, "int": _int, "float": _float, "bool": _bool, "json": _json}
