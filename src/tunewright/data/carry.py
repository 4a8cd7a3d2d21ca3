"""Batch steps over a batch of rows: a function from an Arrow record batch to another, on any machine.

In: rows as they lie in Parquet (`store.SCHEMA`). Out: one line for each row that is left, created or gone; `parent` is
the place of the row that it came from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from tunewright.core.errors import Problem
from tunewright.core.ports import Details, Fate, Row
from tunewright.data.rows import renamed
from tunewright.data.step import BatchStep
from tunewright.data.store import SCHEMA, to_table

State = Literal["same", "changed", "created", "gone"]
LINES = pa.schema(
    [pa.field(field.name, field.type) for field in SCHEMA]
    + [
        pa.field("parent", pa.int32()),
        pa.field("state", pa.string()),
        pa.field("fate", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("changes", pa.list_(pa.string())),
    ]
)


class Line(NamedTuple):
    """What became of a row. `row`: as it is now, or as it was when it went; of one that is the same it may be absent.

    `reason`: why it was created, or why it is gone; `changes`: why it is another row now.
    """

    parent: int
    state: State
    row: Row | None
    fate: Fate = "dropped"
    reason: str = ""
    changes: tuple[str, ...] = ()


def carry(rows: Sequence[Row], steps: Sequence[BatchStep]) -> list[Line]:
    """Every line that some rows become under steps, one after the other, in the order of the rows."""
    lines = [Line(place, "same", row) for place, row in enumerate(rows)]
    for step in steps:
        living = [line for line in lines if line.state != "gone"]
        outcomes = iter(step.batch([line.row for line in living if line.row is not None]))
        found: list[Line] = []
        for line in lines:
            found += [line] if line.state == "gone" else _after(line, next(outcomes))
        lines = found
    return [_marked(line) for line in lines]


def _after(line: Line, outcome: Any) -> list[Line]:
    if outcome.row is None:
        lines = [line._replace(state="gone", fate=outcome.fate, reason=outcome.reason)]
    elif outcome.changes:
        state: State = "created" if line.state == "created" else "changed"
        lines = [line._replace(state=state, row=outcome.row, changes=(*line.changes, *outcome.changes))]
    elif outcome.row is not line.row:
        lines = [_annotated(line, outcome.row)]
    else:
        lines = [line]
    return lines + [Line(line.parent, "created", row, reason=reason) for row, reason in outcome.created]


def _annotated(line: Line, row: Row) -> Line:
    """The line with a row of which more is known; its content is the same, so nothing counts as changed."""
    if line.row is None or (line.row.messages, line.row.label, line.row.rejected) != (
        row.messages, row.label, row.rejected,
    ):  # fmt: skip
        raise AssertionError("a step changed a row and does not say why")
    return line._replace(state="created" if line.state == "created" else "changed", row=row)


def _marked(line: Line) -> Line:
    """The line; a row that was changed says why, and what it was called before."""
    if line.row is None or not line.changes or line.state == "gone":
        return line
    return line._replace(row=with_changes(line.row, line.changes))


def with_changes(row: Row, reasons: Sequence[str]) -> Row:
    """A row that says for which reasons it was changed, under the name of what it is now."""
    before = row.details.get("before", row.id)
    changes = [*row.details.get("changes", []), *reasons]
    return renamed(replace(row, details=Details(**{**row.details, "changes": changes, "before": before})))


def transform(batch: pa.RecordBatch, steps: Sequence[BatchStep]) -> pa.RecordBatch:
    """The same over a record batch."""
    return from_lines(carry(to_rows(batch), steps))


def to_batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Rows as a record batch."""
    return _one(to_table(rows), SCHEMA)


def to_rows(batch: pa.RecordBatch) -> list[Row]:
    """The rows of a record batch."""
    return [to_row(values) for values in batch.to_pylist()]


def to_row(values: Mapping[str, Any]) -> Row:
    """A row from its columns; files of earlier versions lack some of them."""
    tools, rejected = (tuple(json.loads(values.get(name) or "[]")) for name in ("tools", "rejected"))
    more = {"tools": tools, "rejected": rejected, "details": json.loads(values.get("details") or "{}")}
    return Row(**{**values, "messages": tuple(json.loads(values["messages"])), **more})


def from_lines(lines: Sequence[Line]) -> pa.RecordBatch:
    """Lines as a record batch; rows that are the same are not written again."""
    written = [line.row if line.state != "same" else None for line in lines]
    table = to_table([row for row in written if row is not None])
    index, at = [], 0
    for row in written:
        index.append(at if row is not None else None)
        at += row is not None
    table = table.take(pa.array(index, pa.int32()))
    columns = {field.name: table[field.name] for field in SCHEMA}
    more = {
        "parent": [line.parent for line in lines],
        "state": [line.state for line in lines],
        "fate": [line.fate for line in lines],
        "reason": [line.reason for line in lines],
        "changes": [list(line.changes) for line in lines],
    }
    return _one(pa.table({**columns, **more}, schema=LINES), LINES)


def to_lines(batch: pa.RecordBatch) -> list[Line]:
    """The lines of a record batch."""
    more = ("parent", "state", "fate", "reason", "changes")
    found: list[Line] = []
    for values in batch.to_pylist():
        line = {name: values.pop(name) for name in more}
        row = to_row(values) if line["state"] != "same" else None
        found.append(Line(**{**line, "row": row, "changes": tuple(line["changes"])}))
    return found


class Failed:
    """An exception in a worker, as text; `problems` where it is one for people."""

    def __init__(self, what: str, where: str, problems: tuple[Problem, ...] = ()) -> None:
        self.what, self.where, self.problems = what, where, problems


def _one(table: pa.Table, schema: pa.Schema) -> pa.RecordBatch:
    whole = table.combine_chunks().to_batches()
    return whole[0] if whole else pa.RecordBatch.from_pylist([], schema=schema)
