"""Columnar files (Parquet, Arrow) as rows, a block at a time; a file that cannot be read is one bad row."""

from __future__ import annotations

import base64
import datetime
import decimal
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import pyarrow as pa

from tunewright.core.ports import RawRow
from tunewright.data.lines import bad_row
from tunewright.data.strict import NotAllowed, check_value, decoder

BATCH_ROWS = 1024
Batches = Callable[[Path], Iterator[pa.RecordBatch]]


def read_batches(path: Path, batches: Batches) -> Iterator[RawRow]:
    """Rows of a file; `line` counts them from 1."""
    number = 0
    if path.stat().st_size == 0:
        return
    try:
        for batch in batches(path):
            documents = [field.name for field in batch.schema if isinstance(field.type, pa.JsonType)]
            for value in batch.to_pylist():
                number += 1
                yield to_row(number, cast("dict[str, Any]", value), documents=documents)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        detail = " ".join(str(error).split())[:200]
        yield bad_row(number + 1, "broken_file", raw="", detail=f"the file cannot be read from here on: {detail}")


def to_row(number: int, value: dict[str, Any], *, documents: Sequence[str] = ()) -> RawRow:
    """A row with values that JSON knows; columns that are null are absent. `documents`: columns that hold JSON."""
    try:
        plain = {name: to_plain(each) for name, each in value.items() if each is not None}
        plain |= {name: _parsed(plain[name]) for name in documents if name in plain}
        check_value(plain)
    except (NotAllowed, RecursionError) as error:
        reason, _, detail = (str(error) if isinstance(error, NotAllowed) else "nested_too_deep").partition(": ")
        return bad_row(number, reason, raw=str(value)[:2000], detail=detail)
    return RawRow(number, plain, raw=str(plain)[:2000])


def to_plain(value: Any) -> Any:
    """Dates as ISO 8601, decimals as numbers, bytes as text where they are UTF-8, else base64. Raises NotAllowed."""
    if isinstance(value, dict):
        found = {str(key): to_plain(each) for key, each in cast("dict[Any, Any]", value).items()}
        return {key: each for key, each in found.items() if each is not None}
    if isinstance(value, list | tuple):
        return [to_plain(each) for each in cast("list[Any]", value)]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes):
        return _text_of(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise NotAllowed("not_a_number: NaN and infinity are not JSON")
    return value


def _parsed(text: str) -> Any:
    try:
        return decoder().decode(text)
    except NotAllowed:
        raise
    except ValueError as error:
        raise NotAllowed(f"broken_json: {error}") from error


def _text_of(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")
