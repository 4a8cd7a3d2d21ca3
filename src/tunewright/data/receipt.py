"""The receipt while it is written: every row and token is counted once, by source and reason."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewright.core.errors import LimitNotMet, Problem
from tunewright.core.nouns import Receipt, RowCounts, SourceCounts, TokenCounts
from tunewright.core.ports import Changed, Gone, Row
from tunewright.data.fates import Fates, Shown
from tunewright.data.lines import MAX_RAW_CHARACTERS
from tunewright.data.overlong import PART_WITHOUT_ANSWER
from tunewright.recipe.recipe import LimitOptions

MOST_NUMBERS = 1_000
"""More different labels that are all numbers are no names of classes."""


@dataclass
class Tally:
    """Counts of one source. `notes` are reasons that cost no row; `columns` are those of its rows, after mapping."""

    digest: str = ""
    columns: set[str] = field(default_factory=set)
    rows_in: int = 0
    kept: int = 0
    duplicate: Counter[str] = field(default_factory=Counter)
    quarantined: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    created: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another source's rows too."""
        self.rows_in += other.rows_in
        self.kept += other.kept
        for name in ("duplicate", "quarantined", "dropped", "created", "changed", "notes"):
            getattr(self, name).update(getattr(other, name))

    def counts(self) -> RowCounts:
        """The record of these counts."""
        return RowCounts.model_validate(
            {
                "in": self.rows_in,
                "kept": self.kept,
                "quarantined": self.quarantined.total(),
                "duplicate": self.duplicate.total(),
                "dropped": dict(sorted(self.dropped.items())),
                "created": dict(sorted(self.created.items())),
                "changed": dict(sorted(self.changed.items())),
            }
        )


class Ledger:
    """What happened so far to every row and token; `fates` is told of every row that goes or changes."""

    def __init__(self, fates: Fates | None = None) -> None:
        self.fates = fates
        self.sources: defaultdict[str, Tally] = defaultdict(Tally)
        self.created: Counter[str] = Counter()
        self.labels: dict[str, Counter[str]] = {}
        self.lengths: dict[str, list[int]] = {}
        self.splits: dict[str, int] = {}
        self.tokens: Counter[str] = Counter()
        self.truncated_rows = 0
        self.reports: dict[str, Mapping[str, Any]] = {}

    def lose(self, gone: Gone, *, shown: Shown = "all") -> None:
        """Count a row that a step or the encoding took out; `shown`: what of its text."""
        tally = self.sources[gone.row.source]
        (tally.duplicate if gone.fate == "duplicate" else tally.dropped)[gone.reason] += 1
        if self.fates is not None:
            self.fates.lose(gone, shown=shown)

    def change(self, changed: Changed, *, shown: Shown = "all") -> None:
        """Count a row that stays and is another now."""
        self.sources[changed.after.source].changed[changed.reason] += 1
        if self.fates is not None:
            self.fates.change(changed, shown=shown)

    def create(self, row: Row, reason: str) -> None:
        """Count a row that was made."""
        self.sources[row.source].created[reason] += 1
        if self.fates is not None:
            self.fates.create(row, reason)

    def total(self) -> Tally:
        """All sources together, and what steps created."""
        whole = Tally(created=Counter(self.created))
        for tally in self.sources.values():
            whole.add(tally)
        return whole

    def receipt(self) -> Receipt:
        """The record. Its identities hold, or there is a bug of ours."""
        rows = self.total().counts()
        tokens = TokenCounts.model_validate({name: self.tokens[name] for name in TOKEN_FATES})
        if not rows.balanced() or not tokens.balanced():
            raise AssertionError(f"the receipt loses something: {rows!r} {tokens!r}")
        return Receipt(
            rows=rows,
            tokens=tokens,
            truncated_rows=self.truncated_rows,
            splits=self.splits,
            sources={name: source_counts(tally) for name, tally in sorted(self.sources.items())},
            labels={split: dict(sorted(counter.items())) for split, counter in self.labels.items() if counter},
            lengths=self.lengths,
        )


TOKEN_FATES = ("in", "kept", "truncated", "dropped", "trained", "masked")


def source_counts(tally: Tally) -> SourceCounts:
    """One source's part of the receipt; `reasons` are those of all rows that went, and notes."""
    reasons = tally.quarantined + tally.dropped + tally.duplicate + tally.notes
    return SourceCounts(rows=tally.counts(), reasons=dict(sorted(reasons.items())), digest=tally.digest)


def histogram(lengths: NDArray[np.int64]) -> list[int]:
    """Entry i counts lengths in [2**(i/2), 2**((i+1)/2)); lengths are at least 1."""
    if not len(lengths):
        return []
    return np.bincount(np.floor(2 * np.log2(lengths)).astype(np.int64)).tolist()


def check_limits(limits: LimitOptions, ledger: Ledger, *, quarantine: Path) -> None:
    """Raise LimitNotMet, with every limit that is not met, once losses are past what the recipe allows."""
    whole = ledger.total()
    losses = {
        "quarantined_rows": whole.quarantined.total(),
        "truncated_rows": ledger.truncated_rows,
        "dropped_rows": whole.dropped.total(),
        "duplicate_rows": whole.duplicate.total(),
    }
    remedies = {
        "quarantined_rows": f"Mend the rows (the bad ones are listed in {quarantine})",
        "truncated_rows": "Raise data.max_tokens",
        "dropped_rows": "Mend or shorten the rows",
        "duplicate_rows": "Remove the duplicates",
    }
    problems = [
        Problem(
            f"{lost_text(name, count, whole=whole)}; {limit_text(limit)} are allowed.",
            where=f"data.limits.{name}",
            do=f"{remedies[name]}, or raise the limit.",
        )
        for name, count in losses.items()
        if (limit := getattr(limits, name)) is not None and count > allowed(limit, whole.rows_in)
    ]
    if problems:
        error = LimitNotMet(problems[0].what, where=problems[0].where, do=problems[0].do)
        error.problems = tuple(problems)
        raise error


def allowed(limit: float | int, rows: int) -> float:
    """A limit in rows; a float is a share."""
    return limit * rows if isinstance(limit, float) else limit


def lost_text(name: str, count: int, *, whole: Tally) -> str:
    """What one limit counts, with its own reasons; parts of divided rows are not called rows."""
    lost = {"quarantined_rows": whole.quarantined, "dropped_rows": whole.dropped}.get(name, Counter[str]())
    reasons = ", ".join(f"{reason} {number:,}" for reason, number in lost.most_common(5))
    parts = lost[PART_WITHOUT_ANSWER]
    things = "" if not parts else " parts" if parts == count else " rows and parts"
    text = f"{count:,}{things} of {whole.rows_in:,} rows were {name.removesuffix('_rows')}"
    return f"{text} ({reasons})" if reasons else text


def limit_text(limit: float | int) -> str:
    """A limit for people."""
    return f"{limit:.2%}" if isinstance(limit, float) else f"{limit:,} rows"


class Quarantine:
    """`quarantine.jsonl`: one line a bad row, with its file, line, reason and text.

    `first` is the first row of each reason: file, line and detail.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.first: dict[str, tuple[str, int, str]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="ascii")

    def add(self, *, file: str, line: int, reason: str, detail: str, raw: str) -> None:
        """Append a row; text that is no Unicode is written with escapes."""
        self.first.setdefault(reason, (plain(file), line, plain(detail)))
        entry = {"file": file, "line": line, "reason": reason, "detail": detail, "raw": raw[:MAX_RAW_CHARACTERS]}
        safe = {name: plain(value) if isinstance(value, str) else value for name, value in entry.items()}
        self._file.write(json.dumps(safe) + "\n")

    def __enter__(self) -> Quarantine:
        """The open file."""
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Everything written is on its way to disk."""
        self._file.close()


def plain(text: str) -> str:
    """Text that any JSON reader takes: lone surrogates become visible escapes."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def are_measurements(labels: Collection[str]) -> bool:
    """True of so many different numbers that they are no names of classes."""
    return len(labels) > MOST_NUMBERS and all(map(_is_number, labels))


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def labels_of(sources: Mapping[str, Counter[str]]) -> tuple[str, ...]:
    """Every label of every split, sorted."""
    return tuple(sorted(set().union(*sources.values()))) if sources else ()
