"""Databases by address (SQLite, PostgreSQL): one SELECT in a read-only transaction, streamed into a Parquet file.

Rows stand in the file by the digest of their content, never as the server gave them: the same table gives the same
file. Memory holds a block of rows and, while sorting, one of 256 parts of the whole.
"""

from __future__ import annotations

import base64
import datetime
import decimal
import hashlib
import json
import re
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy
from sqlalchemy import exc

from tunewright.core import digest
from tunewright.core.errors import OutsideError, TunewrightError, UserError
from tunewright.core.store import Listing, RemoteFile, Wanted
from tunewright.recipe import remote
from tunewright.recipe.options.stores.sql import Options

NAME = "rows.parquet"
BUCKETS = 256
BLOCK_BYTES = 8 << 20
BLOCK_ROWS = 5_000
"""What is taken from the server at a time: as many rows as that many bytes hold, at most so many."""
GROUP_ROWS = 16_384
GROUP_BYTES = 32 << 20
CONNECT_S = 20
READS = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/)*\(*\s*(select|with|values|table)\b", re.IGNORECASE | re.DOTALL)
WIDEST = 76
"""Digits of a decimal number in Parquet; longer ones become text."""
LONG = 2**63


class Work:
    """Fulfils the port Store."""

    def __init__(self, options: Options) -> None:
        self.options = options

    def settled(self, wanted: Wanted) -> bool:
        """A server says nothing of changes; the file of a SQLite database does."""
        return remote.scheme(wanted.url) != "sqlite"

    def list(self, wanted: Wanted) -> Listing:
        """One file of rows. Nothing is asked of a server yet."""
        stamp = ""
        if remote.scheme(wanted.url) == "sqlite":
            path = sqlite_file(wanted)
            beside = [path, path.with_name(f"{path.name}-wal")]
            states = [each.stat() for each in beside if each.is_file()]
            stamp = "-".join(f"{each.st_size}.{each.st_mtime_ns}" for each in states)
        if wanted.query and not READS.match(wanted.query):
            raise UserError("a source only reads.", where="query", do="Begin the query with SELECT or WITH.")
        return Listing((RemoteFile(NAME, shown(wanted), stamp),))

    def fetch(self, wanted: Wanted, file: RemoteFile, *, part: Path, arrived: Callable[[int, str], None]) -> None:
        """The rows as one Parquet file, always from the beginning: a cursor does not outlive its connection."""
        spill = part.with_name("spill")
        shutil.rmtree(spill, ignore_errors=True)
        spill.mkdir(parents=True)
        with sentences(wanted, count := Count(arrived)):
            names, kinds = _spill(wanted, spill, count=count)
            _write(part, spill, names=names, kinds=kinds)
        shutil.rmtree(spill)


class Count:
    """How many rows came."""

    def __init__(self, arrived: Callable[[int, str], None]) -> None:
        self.rows = 0
        self._arrived = arrived

    def add(self, rows: int) -> None:
        """So many more."""
        self.rows += rows
        self._arrived(rows, "rows")


def shown(wanted: Wanted) -> str:
    """What rows are said to come from: `postgresql://host/db: orders`."""
    of = wanted.table or f"query {digest.of_bytes(wanted.query.encode())[:6]}"
    return f"{remote.shown(wanted.url)}: {of}"


def sqlite_file(wanted: Wanted) -> Path:
    """The file of a SQLite database. Raises UserError when there is none."""
    name = remote.shown(wanted.url).partition("://")[2].removeprefix("/")
    path = wanted.folder / unquote(name)
    if not name or not path.is_file():
        raise UserError(
            f'there is no database file "{name}".', where=remote.shown(wanted.url), do="Write sqlite:///FILE."
        )
    return path


def engine_of(wanted: Wanted) -> sqlalchemy.Engine:
    """An engine that opens one connection and keeps none. Raises UserError for an address that cannot be read."""
    if remote.scheme(wanted.url) == "sqlite":
        address = f"file:{quote(str(sqlite_file(wanted).resolve()))}?mode=ro"
        return sqlalchemy.create_engine("sqlite://", creator=lambda: sqlite3.connect(address, uri=True))
    _start, user, rest = remote.parts(wanted.url)
    name, _colon, password = user.partition(":")
    try:
        address = sqlalchemy.make_url(f"postgresql+psycopg://{rest}")
    except (exc.ArgumentError, ValueError) as error:
        where = remote.shown(wanted.url)
        raise UserError(
            "this is no address of a database.", where=where, do="Write postgresql://user@host:5432/database."
        ) from error
    address = address.set(username=unquote(name) or None, password=unquote(password) or None)
    arguments = {"connect_timeout": CONNECT_S, "application_name": "tunewright"}
    return sqlalchemy.create_engine(address, poolclass=sqlalchemy.pool.NullPool, connect_args=arguments)


def statement(wanted: Wanted, engine: sqlalchemy.Engine) -> str:
    """The SELECT: as written, or the whole table."""
    text = wanted.query.strip().rstrip(";")
    if not text:
        quoted = engine.dialect.identifier_preparer.quote_identifier
        text = "SELECT * FROM " + ".".join(quoted(each) for each in wanted.table.split("."))
    return text.replace("%", "%%") if engine.dialect.name == "postgresql" else text  # psycopg's own sign


def _spill(wanted: Wanted, spill: Path, *, count: Count) -> tuple[list[str], list[Kinds]]:
    """Rows as lines of JSON behind their digest, in a file for each of its first bytes; and what columns hold."""
    engine = engine_of(wanted)
    buckets = [(spill / f"{number:02x}").open("wb", buffering=32 << 10) for number in range(BUCKETS)]
    try:
        with engine.connect() as connection:
            options: dict[str, Any] = {"stream_results": True, "max_row_buffer": 10}
            if engine.dialect.name == "postgresql":
                options["postgresql_readonly"] = True
            connection = connection.execution_options(**options)
            result = connection.exec_driver_sql(statement(wanted, engine))
            names = _names(list(result.keys()), wanted)
            kinds = [Kinds() for _name in names]
            for rows in blocks(result):
                for row in rows:
                    line = to_line(row, kinds)
                    buckets[int(line[:2], 16)].write(line)
                count.add(len(rows))
            connection.rollback()
    finally:
        for bucket in buckets:
            bucket.close()
        engine.dispose()
    return names, kinds


def _names(names: list[str], wanted: Wanted) -> list[str]:
    """Column names. Raises UserError when one stands twice: which is meant is the user's to say."""
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(
            f'the query gives two columns called "{twice[0]}".', where=shown(wanted), do="Rename one of them by AS."
        )
    return names


def blocks(result: Any) -> Iterator[Sequence[Any]]:
    """Rows as they come, as many at a time as fit into some megabytes."""
    size = 50
    while rows := result.fetchmany(size):
        yield rows
        width = sum(len(value) for value in rows[-1] if isinstance(value, str | bytes)) + 8 * len(rows[-1])
        widest = max(sum(len(value) for value in row if isinstance(value, str | bytes)) for row in rows[::10])
        size = max(1, min(BLOCK_ROWS, 2 * size, BLOCK_BYTES // max(width, widest, 1)))


class Kinds:
    """What was seen in one column: kinds of values, and digits of decimal numbers before and behind the point."""

    __slots__ = ("digits", "scale", "seen")

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.digits = self.scale = 0

    def type(self) -> pa.DataType:
        """The Arrow type that holds all of it; text where the kinds do not go together."""
        seen = self.seen
        if seen == {"int", "float"}:
            return pa.float64()
        if seen and seen <= {"int", "decimal"} and "decimal" in seen:
            digits = max(self.digits, 19 if "int" in seen else 1) + self.scale
            if digits <= WIDEST:
                return pa.decimal128(digits, self.scale) if digits <= 38 else pa.decimal256(digits, self.scale)
        if len(seen) == 1:
            return ARROW.get(next(iter(seen)), pa.string())
        return pa.string()


ARROW: dict[str, pa.DataType] = {
    "bool": pa.bool_(),
    "int": pa.int64(),
    "float": pa.float64(),
    "timestamp": pa.timestamp("us"),
    "moment": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "duration": pa.duration("us"),
    "bytes": pa.binary(),
    "json": pa.json_(pa.string()),
}


def to_line(row: Sequence[Any], kinds: Sequence[Kinds]) -> bytes:
    """A row as its digest and its values in JSON, on one line."""
    plain = [None if value is None else encoded(value, kind) for value, kind in zip(row, kinds, strict=True)]
    text = json.dumps(plain, separators=(",", ":")).encode()
    return b"%s%s\n" % (hashlib.blake2b(text, digest_size=16).hexdigest().encode(), text)


def encoded(value: Any, kinds: Kinds) -> Any:
    """A value as JSON knows it; its kind is noted."""
    found = ENCODERS.get(type(value))
    if found is None:
        kind, plain = "text", str(value)
    else:
        kind, encode = found
        plain = encode(value)
    if kind == "int" and not -LONG <= value < LONG:
        kind, plain = "text", str(value)
    if kind == "decimal":
        if not value.is_finite():
            kind = "text"
        else:
            _sign, digits, exponent = value.as_tuple()
            kinds.digits = max(kinds.digits, len(digits) + int(exponent), 1)
            kinds.scale = max(kinds.scale, -int(exponent))
    if kind == "timestamp" and value.tzinfo is not None:
        kind, plain = "moment", value.astimezone(datetime.UTC).isoformat()
    kinds.seen.add(kind)
    return plain


def _same(value: Any) -> Any:
    return value


def _isoformat(value: Any) -> str:
    return value.isoformat()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def _base64(value: Any) -> str:
    return base64.b64encode(value).decode()


ENCODERS: dict[type, tuple[str, Callable[[Any], Any]]] = {
    str: ("text", _same),
    int: ("int", _same),
    bool: ("bool", _same),
    float: ("float", _same),
    decimal.Decimal: ("decimal", str),
    datetime.datetime: ("timestamp", _isoformat),
    datetime.date: ("date", _isoformat),
    datetime.time: ("time", _isoformat),
    datetime.timedelta: ("duration", datetime.timedelta.total_seconds),
    bytes: ("bytes", _base64),
    memoryview: ("bytes", _base64),
    dict: ("json", _json),
    list: ("json", _json),
    uuid.UUID: ("text", str),
}


def decoder(kind: pa.DataType) -> Callable[[Any], Any]:
    """What makes a value of JSON one that Arrow takes for a type."""
    if pa.types.is_decimal(kind):
        return lambda value: decimal.Decimal(value)
    if pa.types.is_timestamp(kind):
        return datetime.datetime.fromisoformat
    if pa.types.is_date(kind):
        return datetime.date.fromisoformat
    if pa.types.is_time(kind):
        return datetime.time.fromisoformat
    if pa.types.is_duration(kind):
        return lambda value: datetime.timedelta(seconds=value)
    if pa.types.is_binary(kind):
        return base64.b64decode
    if pa.types.is_floating(kind):
        return float
    if pa.types.is_string(kind):
        return lambda value: value if isinstance(value, str) else json.dumps(value)
    return _same


def _write(part: Path, spill: Path, *, names: Sequence[str], kinds: Sequence[Kinds]) -> None:
    """The spilled rows in order of their digests, in row groups of bounded size."""
    types = [each.type() for each in kinds]
    schema = pa.schema([pa.field(name, kind) for name, kind in zip(names, types, strict=True)])
    decoders = [decoder(kind) for kind in types]
    with pq.ParquetWriter(part, schema, compression="zstd") as writer:
        for lines in _groups(spill):
            rows = [json.loads(line[32:]) for line in lines]
            columns = [
                _column([None if row[index] is None else decode(row[index]) for row in rows], kind)
                for index, (decode, kind) in enumerate(zip(decoders, types, strict=True))
            ]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema), row_group_size=GROUP_ROWS)


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if isinstance(kind, pa.JsonType):
        return pa.ExtensionArray.from_storage(kind, pa.array(values, kind.storage_type))
    return pa.array(values, kind)


def _groups(spill: Path) -> Iterator[list[bytes]]:
    """Lines in order, some thousand at a time."""
    group: list[bytes] = []
    size = 0
    for path in sorted(spill.iterdir()):
        for line in sorted(path.read_bytes().splitlines()):
            group.append(line)
            size += len(line)
            if len(group) >= GROUP_ROWS or size >= GROUP_BYTES:
                yield group
                group, size = [], 0
        path.unlink()
    if group:
        yield group


@contextmanager
def sentences(wanted: Wanted, count: Count) -> Iterator[None]:
    """Turn errors of databases into one sentence each, without secrets."""
    try:
        yield
    except exc.DBAPIError as error:
        raise _said(error, wanted, rows=count.rows) from None
    except exc.SQLAlchemyError as error:
        secret = remote.secrets(wanted.url, {})
        what = f"the database cannot be read: {_line(error, secret)}."
        raise UserError(what, where=remote.shown(wanted.url), do="Mend the source in data.") from None


def _said(error: exc.DBAPIError, wanted: Wanted, *, rows: int) -> TunewrightError:
    """What the database or its driver says; only the user's own mistakes are called so."""
    where = shown(wanted)
    text = _line(error.orig or error, remote.secrets(wanted.url, {}))
    state = getattr(error.orig, "sqlstate", None) or ""
    if state == "25006" or "readonly database" in text:
        return UserError(
            f"the query would change the database: {text}.", where=where, do="A source only reads: write a SELECT."
        )
    if state.startswith(("0A", "22", "42")) or (isinstance(error, exc.ProgrammingError) and not rows):
        return UserError(f"the database refuses this: {text}.", where=where, do="Mend `query` or `table`.")
    if state.startswith(("28", "3D")) or "password" in text or (not rows and "does not exist" in text):
        do = "Mend the user or the database in the address; the password comes from PGPASSWORD or the address."
        return UserError(f"the database lets nobody in: {text}.", where=where, do=do)
    busy = "locked" in text or "disk I/O" in text
    if remote.scheme(wanted.url) == "sqlite" and not busy:
        return UserError(f"SQLite says: {text}.", where=where, do="Mend `query`, `table` or the file.")
    when = f"broke off after {rows:,} rows" if rows else "failed"
    return OutsideError(
        f"reading the database {when}: {text}. Nothing of it is used.",
        where=where,
        do="See that the server runs and can be reached, then run again: it is read anew.",
        retry="safe",
    )


def _line(error: BaseException, secret: Sequence[str]) -> str:
    """The first line of an error, cut, without secrets."""
    text = " ".join(str(error).split("\n", 1)[0].split())
    return remote.hidden(text, secret)[:300].rstrip(".")
