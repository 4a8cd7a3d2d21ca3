"""Two ways to write a data step that several processes can carry out; both are steps like any other.

A `BatchStep` looks at each row alone. A `GlobalStep` looks at each row alone first (`map`), and decides over all rows
with what it found (`decide`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from tunewright.core.ports import Changed, Fate, Gone, Phase, Row, StepResult

BATCH_ROWS = 1024
BATCH_CHARACTERS = 4 * 2**20
SAMPLE_ROWS = 2000


class Outcome(NamedTuple):
    """What a batch step makes of one row.

    `row`: the row that stays, the same object where nothing changed; None where it is gone, by `fate` and `reason`.
    `changes`: why it is another row now, one reason a kind; none where only details were added. `created`: new rows,
    each with its reason.
    """

    row: Row | None
    changes: tuple[str, ...] = ()
    fate: Fate = "dropped"
    reason: str = ""
    created: tuple[tuple[Row, str], ...] = ()


class BatchStep:
    """Fulfils the port Step by `batch`."""

    phase: Phase = "before_split"

    def batch(self, rows: Sequence[Row]) -> list[Outcome]:
        """One outcome a row, in order. It depends on the row and the options alone, never on other rows."""
        raise NotImplementedError

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """The port's `apply`, in this process."""
        kept: dict[str, list[Row]] = {split: [] for split in rows}
        gone: list[Gone] = []
        changed: list[Changed] = []
        created: Counter[str] = Counter()
        for split, group in rows.items():
            for batch in batches(group):
                for row, outcome in zip(batch, self.batch(batch), strict=True):
                    if outcome.row is None:
                        gone.append(Gone(row, split, outcome.fate, outcome.reason))
                    else:
                        kept[split].append(outcome.row)
                        changed += [Changed(row, outcome.row, reason) for reason in outcome.changes]
                    kept[split] += [new for new, _reason in outcome.created]
                    created.update(reason for _new, reason in outcome.created)
        return StepResult(kept, gone, dict(created), changed)


class GlobalStep:
    """Fulfils the port Step by `map` and `decide`."""

    phase: Phase = "before_split"

    def look(self, sample: Sequence[Row]) -> GlobalStep:
        """The step after a look at some rows, evenly drawn from all; `map` may depend on what it saw."""
        return self

    def map(self, rows: Sequence[Row]) -> Collection[Any]:
        """What is to be known of each row, in order: list or array. It depends on the row and the options alone."""
        raise NotImplementedError

    def gather(self, found: Iterable[Any], *, rows: int) -> Any:
        """What was found of all rows of a split, in order, as `decide` wants it; a list, where a step says nothing."""
        return list(found)

    def decide(self, rows: dict[str, list[Row]], found: dict[str, Any]) -> StepResult:
        """The port's `apply`, with what `map` found of each row, by split and in order."""
        raise NotImplementedError

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """The port's `apply`, in this process."""
        step = self.look(evenly([row for group in rows.values() for row in group]))

        def found(group: list[Row]) -> Iterator[Any]:
            return (each for batch in batches(group) for each in step.map(batch))

        return step.decide(rows, {name: step.gather(found(some), rows=len(some)) for name, some in rows.items()})


def evenly(rows: Sequence[Any], *, most: int = SAMPLE_ROWS) -> list[Any]:
    """At most so many rows, at even distances."""
    count = min(most, len(rows))
    return [rows[at * len(rows) // count] for at in range(count)]


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Rows in order, in groups that are looked at together: bounded in rows and in text."""
    group: list[Row] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(turn.get("content", "")) for turn in row.messages)
        if len(group) >= BATCH_ROWS or size >= BATCH_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
