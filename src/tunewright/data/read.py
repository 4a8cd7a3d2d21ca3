"""Files to rows: sources parse, the shape converts, what fails is set aside with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from tunewright.core import digest
from tunewright.core.events import Emit, Progress
from tunewright.core.ports import (
    Converted,
    Details,
    Gone,
    NothingLearnt,
    RawRow,
    Row,
    RowProblem,
    SeveralRows,
    Shape,
    Source,
)
from tunewright.data.files import SourceFile, source_type
from tunewright.data.keep import kept
from tunewright.data.receipt import Ledger, Quarantine
from tunewright.data.rows import make_row, with_system
from tunewright.data.shelf import Shelf

PROGRESS_ROWS = 10_000
FURTHER_ANSWER = "further_answer"
"""Rows that were made because one holds several answers, or several pairs of them: all but the first."""


@dataclass(frozen=True)
class Reader:
    """Reads files with one shape; counts in the ledger, sets bad rows aside. `keep` names columns that stay."""

    sources: Mapping[str, Source]
    shape: Shape
    system: str | None
    ledger: Ledger
    quarantine: Quarantine
    emit: Emit
    shelf: Shelf
    keep: tuple[str, ...] = ()

    def read(self, files: Mapping[str, Sequence[SourceFile]]) -> dict[str, list[Row]]:
        """Rows by split, in file order; their turns lie on the shelf."""
        return {
            split: [self.shelf.add(row) for file in group for row in self._rows(file, split)]
            for split, group in files.items()
        }

    def _rows(self, file: SourceFile, split: str) -> Iterator[Row]:
        tally = self.ledger.sources[file.name]
        tally.digest = file.digest
        for raw in self.sources[source_type(file, self.sources)].read(file.path):
            tally.rows_in += 1
            if tally.rows_in % PROGRESS_ROWS == 0:
                self.emit(Progress(stage="read", done=tally.rows_in, unit="rows"))
            for number, found in enumerate(self._converted(raw, file)):
                tally.created.update([FURTHER_ANSWER] * (number > 0))
                if isinstance(found, RowProblem):
                    self._refuse(found, raw, Row("", (), source=file.name, line=raw.line), split=split)
                else:
                    yield self._row(found, raw, file)

    def _converted(self, raw: RawRow, file: SourceFile) -> Sequence[Converted | RowProblem]:
        """The examples that a row holds; mostly one."""
        try:
            return self._examples(raw, file)
        except RowProblem as problem:
            return [problem]

    def _refuse(self, problem: RowProblem, raw: RawRow, row: Row, *, split: str) -> None:
        """Set a bad row aside; count one that says nothing as dropped, under a name made of its place."""
        if isinstance(problem, NothingLearnt):
            gone = replace(row, id=digest.of_json([row.source, row.line]))
            self.ledger.lose(Gone(gone, split, "dropped", problem.reason), shown="nothing")
            return
        self.ledger.sources[row.source].quarantined[problem.reason] += 1
        self.quarantine.add(file=row.source, line=row.line, reason=problem.reason, detail=problem.detail, raw=raw.raw)

    def _examples(self, raw: RawRow, file: SourceFile) -> Sequence[Converted | RowProblem]:
        """The same. Raises RowProblem for a row that holds none."""
        if raw.value is None:
            reason, _, detail = raw.problem.partition(": ")
            raise RowProblem(reason, detail)
        columns = self.ledger.sources[file.name].columns
        if not raw.value.keys() <= columns:
            columns.update(raw.value)
        return self._several(raw.value) if self._several is not None else [self.shape.convert(raw.value)]

    @cached_property
    def _several(self) -> Callable[[Mapping[str, Any]], Sequence[Converted | RowProblem]] | None:
        return self.shape.convert_all if isinstance(self.shape, SeveralRows) else None

    def _row(self, found: Converted, raw: RawRow, file: SourceFile) -> Row:
        details = found.details
        if stays := kept(raw.value or {}, self.keep, notes=self.ledger.sources[file.name].notes):
            details = Details(**{**details, "columns": stays})
        if file.weight != 1:
            details = Details(**{**details, "weight": details.get("weight", 1.0) * file.weight})
        found = found._replace(messages=with_system(found.messages, self.system), details=details)
        return make_row(found, source=file.name, line=raw.line)
