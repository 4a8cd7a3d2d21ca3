"""Answer sheets: what one model answered to one set of rows in one way, kept by what it depends on.

A new metric, gate or comparison finds its answers here and asks no model. `sheets/<key>.parquet` in the workspace's
`evaluations`; the key covers the model, the suite's options but its metrics, the way, the prompt and the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.prompts import Prompts, Style
from tunewright.evaluate.store import ANSWER_FIELDS, answer_line, answer_of, write_table
from tunewright.evaluate.suite import Bench, Respondent, Suite

SHEET_VERSION = 1
SCHEMA = pa.schema(ANSWER_FIELDS)


@dataclass(frozen=True)
class Sheets:
    """A folder of sheets."""

    folder: Path

    def find(self, key: str, rows: Sequence[Row]) -> list[AnsweredRow] | None:
        """The answers under a key, or None; a sheet that cannot be read, or is of other rows, counts as absent."""
        try:
            lines: list[dict[str, Any]] = pq.read_table(self.folder / f"{key}.parquet").to_pylist()
        except (OSError, pa.ArrowException):
            return None
        if [line.get("row") for line in lines] != [row.id for row in rows]:
            return None
        return [answer_of(line, row) for line, row in zip(lines, rows, strict=True)]

    def keep(self, key: str, answers: Sequence[AnsweredRow]) -> None:
        """Write a sheet. Raises OutsideError when the disk refuses."""
        write_table(self.folder / f"{key}.parquet", (answer_line(each) for each in answers), schema=SCHEMA)


def sheet_key(suite: Suite, way: str, *, model: Respondent, rows: Sequence[Row], style: Style, bench: Bench) -> str:
    """What the answers depend on: never on metrics, intervals or the place of files."""
    options = suite.options.model_dump(mode="json", exclude={"scorers"})
    return digest.of_json(
        [
            SHEET_VERSION,
            model.identity,
            [options, suite.name, way],
            [style, _shown(bench.prompts, style), bench.max_new_tokens, bench.seed],
            [list(bench.labels), [list(tokens) for tokens in bench.label_tokens], bench.chat_digest],
            [[row.id, row.details] for row in rows],
        ]
    )


def _shown(prompts: Prompts, style: Style) -> list[str]:
    return [row.id for row in prompts.examples] if style == "examples" else []
