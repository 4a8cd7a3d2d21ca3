"""Keeps every answer on disk, so that a new scorer needs no new generation.

`answers.parquet`, one line a row, model and way of asking: way, style, model, the row (id, turns, label, details,
source, line), answer, predicted, log_probability (sum), log_probabilities, greedy, weights, tokens, choices, finish,
seconds, first_token_s, bytes. What the lists hold is said by `core.answers.AnsweredRow`.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.errors import OutsideError
from tunewright.core.nouns import Evaluation, Verdict
from tunewright.core.ports import Details, Row
from tunewright.core.workspace import write_bytes, write_text
from tunewright.evaluate.compare import Measured

ANSWERS = "answers.parquet"
RECORD = "evaluation.json"
VERDICT = "gates.json"
_TEXTS = ("answer", "predicted", "finish")
ANSWER_FIELDS = [
    pa.field("row", pa.string()),
    *(pa.field(name, pa.string()) for name in _TEXTS),
    pa.field("log_probability", pa.float64()),
    pa.field("log_probabilities", pa.list_(pa.float64())),
    pa.field("greedy", pa.list_(pa.bool_())),
    pa.field("weights", pa.list_(pa.float32())),
    pa.field("tokens", pa.list_(pa.int32())),
    pa.field("choices", pa.list_(pa.float64())),
    pa.field("seconds", pa.float64()),
    pa.field("first_token_s", pa.float64()),
    pa.field("bytes", pa.int64()),
]
ROW_FIELDS = [pa.field(name, pa.string()) for name in ("label", "target", "messages", "details", "source")]
SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in ("way", "style", "model")]
    + ANSWER_FIELDS
    + ROW_FIELDS
    + [pa.field("line", pa.int64())]
)


def write_answers(folder: Path, measured: Sequence[Measured]) -> Path:
    """Write every answer; returns the file. Raises OutsideError when the disk refuses."""
    write_table(folder / ANSWERS, _lines(measured), schema=SCHEMA)
    return folder / ANSWERS


def write_table(path: Path, lines: Iterable[dict[str, Any]], *, schema: pa.Schema) -> None:
    """Write lines as one Parquet file, whole or not at all."""
    table = pa.Table.from_pylist(list(lines), schema=schema)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write_bytes(path, buffer.getvalue())


def read_answers(folder: Path) -> list[Measured]:
    """The answers as they were scored, with their rows; of earlier versions, which lack some fields, with defaults.

    Raises OutsideError when they are gone or damaged.
    """
    table = _table(folder / ANSWERS)
    try:
        return _measured(table.to_pylist())
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(folder / ANSWERS) from error


def _measured(lines: Iterable[dict[str, Any]]) -> list[Measured]:
    """Lines of the file by way and model. Raises KeyError, TypeError or ValueError for what was never written so."""
    groups: dict[str, dict[str, list[AnsweredRow]]] = {}
    styles: dict[str, str] = {}
    rows: dict[tuple[str, str], Row] = {}
    for line in lines:
        place = (line["way"], line["row"])
        if place not in rows:
            rows[place] = row_of(line)
        groups.setdefault(line["way"], {}).setdefault(line["model"], []).append(answer_of(line, rows[place]))
        if line["model"] == "base":
            styles[line["way"]] = line["style"]
    return [
        Measured(way, styles[way], models["base"], models["base_same_prompt"], models.get("tuned"))
        for way, models in groups.items()
    ]


def _table(path: Path) -> pa.Table:
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> OutsideError:
    return OutsideError("the stored answers are gone or damaged.", where=str(path), do="Run evaluate again.")


def write_record(folder: Path, evaluation: Evaluation) -> Path:
    """Write the record beside the answers; returns the file."""
    write_text(folder / RECORD, evaluation.model_dump_json(indent=1, by_alias=True) + "\n")
    return folder / RECORD


def write_verdict(folder: Path, verdict: Verdict) -> Path:
    """Write what became of the gates beside the answers; returns the file."""
    write_text(folder / VERDICT, verdict.model_dump_json(indent=1, by_alias=True) + "\n")
    return folder / VERDICT


def answers_digest(measured: Sequence[Measured]) -> str:
    """Digest of what was answered: way, model, style, row, answer and predicted label, in order."""
    return digest.of_parts(
        digest.canonical([*place.values(), each.row.id, whole(each.answer), whole(each.predicted)])
        for place, each in _placed(measured)
    )


def _lines(measured: Sequence[Measured]) -> Iterator[dict[str, Any]]:
    return (place | answer_line(each) | _row_line(each.row) for place, each in _placed(measured))


def _placed(measured: Sequence[Measured]) -> Iterator[tuple[dict[str, str], AnsweredRow]]:
    """Every answer with its way, style and model, in that order."""
    for one in measured:
        for model, rows in one.answers().items():
            place = {"way": one.way, "style": one.prompt if model == "base" else "bare", "model": model}
            yield from ((place, answered) for answered in rows)


def answer_line(answered: AnsweredRow) -> dict[str, Any]:
    """One answer as it lies in Parquet, its row by id."""
    return {
        "row": answered.row.id,
        "answer": whole(answered.answer),
        "predicted": whole(answered.predicted),
        "finish": answered.finish,
        "log_probability": sum(answered.log_probabilities),
        "log_probabilities": list(answered.log_probabilities),
        "greedy": list(answered.greedy),
        "weights": list(answered.weights),
        "tokens": list(answered.tokens),
        "choices": list(answered.choices),
        "seconds": answered.seconds,
        "first_token_s": answered.first_token_s,
        "bytes": answered.bytes,
    }


def answer_of(line: dict[str, Any], row: Row) -> AnsweredRow:
    """The inverse of `answer_line`, with the row itself."""
    return AnsweredRow(
        row,
        line["answer"],
        predicted=line["predicted"],
        log_probabilities=tuple(line.get("log_probabilities") or ()),
        greedy=tuple(line.get("greedy") or ()),
        weights=tuple(line.get("weights") or ()),
        tokens=tuple(line.get("tokens") or ()),
        choices=tuple(line.get("choices") or ()),
        finish=line.get("finish") or "",
        seconds=line.get("seconds"),
        first_token_s=line.get("first_token_s"),
        bytes=line.get("bytes") or 0,
    )


def _row_line(row: Row) -> dict[str, Any]:
    return {
        "label": whole(row.label),
        "target": whole(row.target),
        "messages": whole(json.dumps(row.messages, ensure_ascii=True)),
        "details": whole(json.dumps(row.details, ensure_ascii=True)) if row.details else None,
        "source": whole(row.source),
        "line": row.line,
    }


def row_of(line: dict[str, Any]) -> Row:
    """The row of a line."""
    details: Details = json.loads(line.get("details") or "{}")
    turns = tuple(json.loads(line["messages"]))
    return Row(line["row"], turns, line["label"], line.get("source") or "", line.get("line") or 0, details=details)


def whole(text: str | None) -> str | None:
    """Text that UTF-8 can hold: a lone half of a surrogate pair becomes a question mark."""
    return None if text is None else text.encode("utf-8", "replace").decode()
