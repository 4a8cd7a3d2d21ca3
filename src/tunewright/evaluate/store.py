"""Keeps every answer on disk, so that a new scorer needs no new generation.

`answers.parquet`, one line a row, model and way of asking: way, style, model, row, label, target, answer, predicted,
log_probability (sum), log_probabilities, greedy, weights. What `log_probabilities` holds: heldout, the trained tokens;
generated answers, the tokens of the answer; ranked labels, one number a label in the order of the dataset's labels.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.nouns import Evaluation
from tunewright.core.ports import Row
from tunewright.core.workspace import write_bytes, write_text
from tunewright.evaluate.compare import Measured

ANSWERS = "answers.parquet"
RECORD = "evaluation.json"
_TEXTS = ("way", "style", "model", "row", "label", "target", "answer", "predicted")
SCHEMA = pa.schema(
    [pa.field(name, pa.string()) for name in _TEXTS]
    + [
        pa.field("log_probability", pa.float64()),
        pa.field("log_probabilities", pa.list_(pa.float64())),
        pa.field("greedy", pa.list_(pa.bool_())),
        pa.field("weights", pa.list_(pa.float32())),
    ]
)


def write_answers(folder: Path, measured: Sequence[Measured]) -> Path:
    """Write every answer; returns the file. Raises OutsideError when the disk refuses."""
    table = pa.Table.from_pylist(list(_lines(measured)), schema=SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    write_bytes(folder / ANSWERS, buffer.getvalue())
    return folder / ANSWERS


def read_answers(folder: Path) -> list[Measured]:
    """The answers as they were scored; of each row the target, the label and the id, but not the prompt."""
    groups: dict[str, dict[str, list[AnsweredRow]]] = {}
    styles: dict[str, str] = {}
    for line in pq.read_table(folder / ANSWERS).to_pylist():
        groups.setdefault(line["way"], {}).setdefault(line["model"], []).append(_answered(line))
        if line["model"] == "base":
            styles[line["way"]] = line["style"]
    return [
        Measured(way, styles[way], models["base"], models["base_same_prompt"], models.get("tuned"))
        for way, models in groups.items()
    ]


def write_record(folder: Path, evaluation: Evaluation) -> Path:
    """Write the record beside the answers; returns the file."""
    write_text(folder / RECORD, evaluation.model_dump_json(indent=1, by_alias=True) + "\n")
    return folder / RECORD


def answers_digest(measured: Sequence[Measured]) -> str:
    """Digest of what was answered: way, model, style, row, answer and predicted label, in order."""
    columns = ("way", "style", "model", "row", "answer", "predicted")
    return digest.of_parts(digest.canonical([line[name] for name in columns]) for line in _lines(measured))


def _lines(measured: Sequence[Measured]) -> Iterator[dict[str, Any]]:
    for one in measured:
        for model, rows in one.answers().items():
            style = one.prompt if model == "base" else "bare"
            for answered in rows:
                yield {"way": one.way, "style": style, "model": model, **_line(answered)}


def _line(answered: AnsweredRow) -> dict[str, Any]:
    row = answered.row
    return {
        "row": row.id,
        "label": whole(row.label),
        "target": whole(row.target),
        "answer": whole(answered.answer),
        "predicted": whole(answered.predicted),
        "log_probability": sum(answered.log_probabilities),
        "log_probabilities": list(answered.log_probabilities),
        "greedy": list(answered.greedy),
        "weights": list(answered.weights),
    }


def _answered(line: dict[str, Any]) -> AnsweredRow:
    row = Row(line["row"], ({"role": "assistant", "content": line["target"]},), label=line["label"])
    return AnsweredRow(
        row,
        line["answer"],
        predicted=line["predicted"],
        log_probabilities=tuple(line["log_probabilities"]),
        greedy=tuple(line["greedy"]),
        weights=tuple(line["weights"]),
    )


def whole(text: str | None) -> str | None:
    """Text that UTF-8 can hold: a lone half of a surrogate pair becomes a question mark."""
    return None if text is None else text.encode("utf-8", "replace").decode()
