"""Steps and the split: which rows stay, and on which side they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from tunewright.core.errors import UserError
from tunewright.core.ports import Row, Step, StepResult
from tunewright.data.receipt import Ledger
from tunewright.data.rows import SPLITS, conflicting
from tunewright.data.split import divide
from tunewright.recipe.recipe import SplitOptions

PHASES = ("before_split", "split", "training_rows")
CONFLICTING = "conflicting_labels"


def arrange(
    rows: dict[str, list[Row]], steps: Sequence[Step], *, options: SplitOptions, ledger: Ledger
) -> dict[str, list[Row]]:
    """Rows of all three splits after the steps of the phase before the split, the split, and those on training rows.

    Splits that have files of their own are not divided. Raises UserError when steps stand in a wrong order.
    """
    check_order(steps)
    rows = run(in_phase(steps, "before_split"), rows, ledger=ledger)
    note_conflicts(rows, ledger)
    dividing = in_phase(steps, "split")
    if dividing:
        rows = run(dividing, rows, ledger=ledger)
    else:
        shares = {split: getattr(options, split) for split in SPLITS if split not in rows}
        rows = {**rows, **divide(rows["train"], shares, options=options)}
    trained = run(in_phase(steps, "training_rows"), {"train": rows["train"]}, ledger=ledger)
    return {split: {**rows, **trained}.get(split, []) for split in SPLITS}


def check_order(steps: Sequence[Step]) -> None:
    """Raise UserError when a step stands after one of a later phase."""
    places = [PHASES.index(step.phase) for step in steps]
    if places != sorted(places):
        raise UserError(
            "a data step stands too late.",
            where="data.steps",
            do="The order is: steps before the split, the split, steps on training rows.",
        )


def in_phase(steps: Sequence[Step], phase: str) -> list[Step]:
    """Steps of one phase, in order."""
    return [step for step in steps if step.phase == phase]


def run(steps: Iterable[Step], rows: dict[str, list[Row]], *, ledger: Ledger) -> dict[str, list[Row]]:
    """Rows after some steps; fates go into the ledger."""
    for step in steps:
        result = step.apply(rows)
        for row, _split, fate, reason in result.gone:
            tally = ledger.sources[row.source]
            if fate == "duplicate":
                tally.duplicate += 1
            else:
                tally.dropped[reason] += 1
        count_created(rows, result, ledger=ledger)
        rows = result.rows
    return rows


def count_created(rows: dict[str, list[Row]], result: StepResult, *, ledger: Ledger) -> None:
    """Count what a step created; under the sources of the new rows where the step gives one reason for all of them.

    Raises AssertionError when a step made more or fewer rows than it says: a bug of the step.
    """
    if not result.created:
        return
    after = Counter(row.source for group in result.rows.values() for row in group)
    after.update(row.source for row, *_fate in result.gone)
    after.subtract(Counter(row.source for group in rows.values() for row in group))
    if after.total() != sum(result.created.values()):
        raise AssertionError(f"a step made {after.total()} rows and says {result.created}")
    if len(result.created) > 1:
        ledger.created.update(result.created)
        return
    for source, count in (+after).items():
        ledger.sources[source].created.update(dict.fromkeys(result.created, count))


def note_conflicts(rows: dict[str, list[Row]], ledger: Ledger) -> None:
    """Count rows whose prompt stands elsewhere with another label; they are kept, and the receipt says so."""
    for row in conflicting(row for group in rows.values() for row in group):
        ledger.sources[row.source].notes[CONFLICTING] += 1
