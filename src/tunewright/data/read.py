"""Files to rows: sources parse, the shape converts, what fails is set aside with its reason."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunewright.core.events import Emit, Progress
from tunewright.core.ports import Details, RawRow, Row, RowProblem, Shape, Source
from tunewright.data.files import SourceFile, source_type
from tunewright.data.keep import kept
from tunewright.data.receipt import Ledger, Quarantine
from tunewright.data.rows import make_row, with_system
from tunewright.data.shelf import Shelf

PROGRESS_ROWS = 10_000


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
            split: [self.shelf.add(row) for file in group for row in self._rows(file)] for split, group in files.items()
        }

    def _rows(self, file: SourceFile) -> Iterator[Row]:
        tally = self.ledger.sources[file.name]
        tally.digest = file.digest
        for raw in self.sources[source_type(file, self.sources)].read(file.path):
            tally.rows_in += 1
            if tally.rows_in % PROGRESS_ROWS == 0:
                self.emit(Progress(stage="read", done=tally.rows_in, unit="rows"))
            try:
                yield self._row(raw, file)
            except RowProblem as problem:
                tally.quarantined[problem.reason] += 1
                self.quarantine.add(
                    file=file.name, line=raw.line, reason=problem.reason, detail=problem.detail, raw=raw.raw
                )

    def _row(self, raw: RawRow, file: SourceFile) -> Row:
        if raw.value is None:
            reason, _, detail = raw.problem.partition(": ")
            raise RowProblem(reason, detail)
        columns = self.ledger.sources[file.name].columns
        if not raw.value.keys() <= columns:
            columns.update(raw.value)
        found = self.shape.convert(raw.value)
        details = found.details
        if stays := kept(raw.value, self.keep, notes=self.ledger.sources[file.name].notes):
            details = Details(**{**details, "columns": stays})
        if file.weight != 1:
            details = Details(**{**details, "weight": details.get("weight", 1.0) * file.weight})
        found = found._replace(messages=with_system(found.messages, self.system), details=details)
        return make_row(found, source=file.name, line=raw.line)
