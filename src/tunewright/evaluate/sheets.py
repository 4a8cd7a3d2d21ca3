"""Answer sheets: what one model answered to one set of rows in one way, kept by what it depends on.

A new metric, gate or comparison finds its answers here and asks no model. `sheets/<key>.parquet` in the workspace's
`evaluations`; the key covers the model, the suite's options but its metrics, the way, the prompt and the rows. What a
suite asks the base while it makes its examples is kept by the question itself (`Kept`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tunewright.core import digest
from tunewright.core.answers import AnsweredRow
from tunewright.core.language_model import GREEDY, Sampling, Scored, ScoreItem
from tunewright.core.ports import Chat, Row
from tunewright.evaluate.asking import answered, scored_row
from tunewright.evaluate.prompts import Prompts, Style
from tunewright.evaluate.store import ANSWER_FIELDS, answer_line, answer_of, write_table
from tunewright.evaluate.suite import Bench, Respondent, Suite, Talk, Written

SHEET_VERSION = 3
SCHEMA = pa.schema(ANSWER_FIELDS)
MAY_BE_ABSENT = frozenset({"predicted", "seconds", "first_token_s"})


@dataclass(frozen=True)
class Sheets:
    """A folder of sheets."""

    folder: Path

    def find(self, key: str, rows: Sequence[Row]) -> list[AnsweredRow] | None:
        """The answers under a key, or None; a sheet that cannot be read, or is of other rows, counts as absent."""
        try:
            table = pq.read_table(self.folder / f"{key}.parquet", page_checksum_verification=True)
            lines: list[dict[str, Any]] = table.to_pylist()
        except (OSError, pa.ArrowException, UnicodeDecodeError):
            return None
        if not _is_sheet(table) or [line["row"] for line in lines] != [row.id for row in rows]:
            return None
        return [answer_of(line, row) for line, row in zip(lines, rows, strict=True)]

    def keep(self, key: str, answers: Sequence[AnsweredRow]) -> None:
        """Write a sheet. Raises OutsideError when the disk refuses."""
        write_table(self.folder / f"{key}.parquet", (answer_line(each) for each in answers), schema=SCHEMA)


def _is_sheet(table: pa.Table) -> bool:
    """True for a table with our columns, and with nothing absent that every answer has."""
    needed = [name for name in SCHEMA.names if name not in MAY_BE_ABSENT]
    return table.schema.equals(SCHEMA) and not any(table.column(name).null_count for name in needed)


@dataclass(frozen=True)
class Kept:
    """A model whose answers and scores are kept: a question that was put before is not put again.

    For models that a suite asks while it makes its examples. Times are measured anew.
    """

    model: Respondent
    sheets: Sheets

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.model.name

    @property
    def identity(self) -> str:
        """The model's own."""
        return self.model.identity

    @property
    def chat(self) -> Chat | None:
        """The model's own."""
        return self.model.chat

    def write(self, talks: Sequence[Talk], *, max_new_tokens: int, sampling: Sampling = GREEDY) -> list[Written]:
        """One answer a conversation, in order."""
        asked = [[talk.messages, talk.tools] for talk in talks]
        key = self._key("write", [asked, max_new_tokens, asdict(sampling)])
        rows = _places(len(talks))
        kept = self.sheets.find(key, rows)
        if kept is None:
            written = self.model.write(talks, max_new_tokens=max_new_tokens, sampling=sampling)
            kept = [answered(row, each) for row, each in zip(rows, written, strict=True)]
            self.sheets.keep(key, kept)
        return [Written(each.answer, each.finish, each.tokens, each.log_probabilities) for each in kept]

    def write_alone(self, talks: Sequence[Talk], *, max_new_tokens: int) -> list[Written]:
        """As the model does; a time is of one moment and is never kept here."""
        return self.model.write_alone(talks, max_new_tokens=max_new_tokens)

    def score(self, items: Sequence[ScoreItem]) -> list[list[Scored]]:
        """For each item, one result a continuation, in order. Raises NotMeasured for a model that is far away."""
        key = self._key("score", [[item.prompt, item.continuations] for item in items])
        rows = _places(sum(len(item.continuations) for item in items))
        kept = self.sheets.find(key, rows)
        if kept is None:
            scores = chain.from_iterable(self.model.score(items))
            kept = [scored_row(row, each, text="") for row, each in zip(rows, scores, strict=True)]
            self.sheets.keep(key, kept)
        found = (Scored(np.array(each.log_probabilities, np.float32), np.array(each.greedy, np.bool_)) for each in kept)
        return [list(islice(found, len(item.continuations))) for item in items]

    def _key(self, kind: str, question: Any) -> str:
        return digest.of_json([SHEET_VERSION, kind, self.identity, question])


def _places(count: int) -> list[Row]:
    """Stand-ins for the rows of a sheet that is filed under its questions."""
    return [Row(str(place), ()) for place in range(count)]


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
