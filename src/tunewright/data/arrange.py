"""Steps and the split: which rows stay, and on which side they stand."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.events import Emit, Progress, silent
from tunewright.core.ports import Changed, Gone, Row, Step, StepResult
from tunewright.data.carry import with_changes
from tunewright.data.crew import Crew
from tunewright.data.fates import Shown
from tunewright.data.receipt import Ledger
from tunewright.data.rows import SPLITS, conflicting
from tunewright.data.shelf import Shelf, wholes
from tunewright.data.split import divide
from tunewright.data.step import BatchStep, GlobalStep, batches, evenly
from tunewright.recipe.recipe import SplitOptions

PHASES = ("before_split", "split", "training_rows")
_SAID = {"before_split": "before the split", "split": "the split", "training_rows": "on training rows"}
CONFLICTING = "conflicting_labels"
PROGRESS_ROWS = 10_000


class Work:
    """How steps are carried out: what they tell the ledger, by whom, and where new rows are laid."""

    def __init__(
        self, ledger: Ledger, *, crew: Crew | None = None, shelf: Shelf | None = None, emit: Emit = silent
    ) -> None:
        self.ledger, self.crew, self.shelf, self.emit = ledger, crew or Crew(1), shelf, emit
        self._early: set[int] = set()

    def keep_private(self, steps: Sequence[Step]) -> None:
        """Texts that the last private step has not been through are shown nowhere."""
        last = max((at for at, step in enumerate(steps) if getattr(step, "private", False)), default=-1)
        self._early = {id(step) for step in steps[: last + 1]}

    def shown(self, steps: Sequence[Step]) -> Shown:
        """What may be shown of rows that some steps changed or took out."""
        if not any(id(step) in self._early for step in steps):
            return "all"
        return "after" if any(getattr(step, "private", False) for step in steps) else "nothing"

    def laid(self, row: Any) -> Any:
        """A row on the shelf; itself where it lies there already."""
        return self.shelf.add(row) if self.shelf is not None and isinstance(row, Row) else row


def arrange(
    rows: dict[str, list[Row]], steps: Sequence[Step], *, options: SplitOptions, work: Work
) -> dict[str, list[Row]]:
    """Rows of all three splits after the steps of the phase before the split, the split, and those on training rows.

    Splits that have files of their own are not divided. Raises UserError when steps stand in a wrong order.
    """
    check_order(steps)
    work.keep_private(steps)
    rows = run(in_phase(steps, "before_split"), rows, work=work)
    note_conflicts(rows, work.ledger)
    dividing = in_phase(steps, "split")
    if dividing:
        rows = run(dividing, rows, work=work)
    else:
        shares = {split: getattr(options, split) for split in SPLITS if split not in rows}
        rows = {**rows, **divide(rows["train"], shares, options=options)}
    rows = on_training(in_phase(steps, "training_rows"), rows, work=work)
    return {split: rows.get(split, []) for split in SPLITS}


def on_training(steps: Iterable[Step], rows: dict[str, list[Row]], *, work: Work) -> dict[str, list[Row]]:
    """Rows after steps on training rows; those with `sees_measured` also see the other splits, and leave them alone."""
    for wide, group in itertools.groupby(steps, key=lambda step: getattr(step, "sees_measured", False)):
        rows = {**rows, **run(group, rows if wide else {"train": rows["train"]}, work=work)}
    return rows


def check_order(steps: Sequence[Step]) -> None:
    """Raise UserError when a step stands after one of a later phase."""
    for before, step in itertools.pairwise(steps):
        if PHASES.index(step.phase) < PHASES.index(before.phase):
            late, early = name_of(step), name_of(before)
            raise UserError(
                f"the data step {late} ({_SAID[step.phase]}) stands too late: behind {early} ({_SAID[before.phase]}).",
                where="data.steps",
                do="The order is: steps before the split, the split, steps on training rows.",
            )


def in_phase(steps: Sequence[Step], phase: str) -> list[Step]:
    """Steps of one phase, in order."""
    return [step for step in steps if step.phase == phase]


def run(steps: Iterable[Step], rows: dict[str, list[Row]], *, work: Work) -> dict[str, list[Row]]:
    """Rows after some steps; fates go into the ledger."""
    for several, group in itertools.groupby(steps, key=lambda step: isinstance(step, BatchStep)):
        together: list[Any] = list(group)
        if several:
            rows = {split: through(together, some, split=split, work=work) for split, some in rows.items()}
            continue
        for step in together:
            work.emit(Progress(stage=name_of(step), done=0, total=sum(map(len, rows.values())), unit="rows"))
            rows = account(rows, decided(step, rows, work=work), step=step, work=work)
    return rows


def decided(step: Any, rows: dict[str, list[Row]], *, work: Work) -> StepResult:
    """What a step makes of all rows."""
    if not isinstance(step, GlobalStep):
        return step.apply(rows)
    step = step.look(list(wholes(evenly([row for group in rows.values() for row in group]))))
    told = Counted(work.emit, name_of(step), total=sum(map(len, rows.values())))

    def found(group: list[Row]) -> Any:
        return step.gather(told.each(work.crew.map(batches(wholes(group)), step)), rows=len(group))

    return step.decide(rows, {split: found(group) for split, group in rows.items()})


def account(rows: dict[str, list[Row]], result: StepResult, *, step: Any, work: Work) -> dict[str, list[Row]]:
    """Rows after a step, its fates counted, new rows on the shelf."""
    shown = work.shown([step])
    if result.report is not None:
        work.ledger.reports[name_of(step)] = result.report if shown == "all" else without_texts(result.report)
    for gone in result.gone:
        work.ledger.lose(gone, shown=shown)
    count_created(rows, result, work=work)
    marked: dict[int, Any] = {}
    reasons: dict[int, list[str]] = defaultdict(list)
    for changed in result.changed:
        work.ledger.change(changed, shown=shown)
        reasons[id(changed.after)].append(changed.reason)
    for changed in result.changed:
        if id(changed.after) not in marked:
            marked[id(changed.after)] = with_changes(changed.after, reasons[id(changed.after)])
    return {split: [work.laid(marked.get(id(row), row)) for row in group] for split, group in result.rows.items()}


def through(steps: Sequence[BatchStep], rows: Sequence[Row], *, split: str, work: Work) -> list[Row]:
    """Rows of one split after some batch steps that follow one another, carried out together."""
    shown = work.shown(steps)
    told = Counted(work.emit, name_of(steps[0]) if len(steps) == 1 else "steps", total=len(rows))
    left: list[Any] = []
    handles = iter(rows)
    blocks, again = itertools.tee(batches(wholes(rows)))
    for batch, lines in zip(again, told.batches(work.crew.through(blocks, steps)), strict=True):
        own = list(itertools.islice(handles, len(batch)))
        for line in lines:
            if line.state == "same":
                left.append(own[line.parent])
                continue
            row = line.row
            assert row is not None, "a line that is not the same has its row"
            if line.state == "created":
                work.ledger.create(row, line.reason)
            if line.state == "gone":
                work.ledger.lose(Gone(row, split, line.fate, line.reason), shown=shown)
                continue
            for reason in line.changes:
                work.ledger.change(Changed(batch[line.parent], row, reason), shown=shown)
            left.append(work.laid(row))
    return left


def without_texts(report: Any) -> Any:
    """A step's report without what stands under the key `text`, at any depth."""
    if isinstance(report, dict):
        return {key: without_texts(value) for key, value in report.items() if key != "text"}
    return [without_texts(each) for each in report] if isinstance(report, list) else report


class Counted:
    """Tells how far a step is."""

    def __init__(self, emit: Emit, stage: str, *, total: int) -> None:
        self._emit, self._stage, self._total = emit, stage, total
        self._done = 0

    def each(self, found: Iterable[Any]) -> Iterator[Any]:
        """The same things, one a row."""
        for one in found:
            self._done += 1
            if self._done % PROGRESS_ROWS == 0:
                self._tell()
            yield one

    def batches(self, found: Iterable[list[Any]]) -> Iterator[list[Any]]:
        """The same batches of lines."""
        for batch in found:
            self._done += 1 + max((line.parent for line in batch), default=-1)
            self._tell()
            yield batch

    def _tell(self) -> None:
        self._emit(Progress(stage=self._stage, done=min(self._done, self._total), total=self._total, unit="rows"))


def name_of(step: Any) -> str:
    """What a step is called: the name of its file."""
    return getattr(getattr(step, "options", None), "type", type(step).__name__)


def count_created(rows: dict[str, list[Row]], result: StepResult, *, work: Work) -> None:
    """Count what a step created, each new row under its own source.

    Where a step gives several reasons, and its rows do not say theirs (`details.mark`), they are counted for the whole.
    Raises AssertionError when a step made more or fewer rows than it says: a bug of the step.
    """
    after = Counter(row.source for group in result.rows.values() for row in group)
    after.update(gone.row.source for gone in result.gone)
    after.subtract(Counter(row.source for group in rows.values() for row in group))
    if after.total() != sum(result.created.values()):
        raise AssertionError(f"a step made {after.total()} rows and says {result.created}")
    made = created_rows(rows, result) if result.created else []
    if Counter(reason for _row, reason in made) == Counter(result.created):
        for row, reason in made:
            work.ledger.create(row, reason)
        return
    if len(result.created) > 1:
        work.ledger.created.update(result.created)
        return
    for source, count in (+after).items():
        work.ledger.sources[source].created.update(dict.fromkeys(result.created, count))


def created_rows(rows: dict[str, list[Row]], result: StepResult) -> list[tuple[Row, str]]:
    """Rows that are neither rows from before nor changed ones, each with its reason: the only one, or its mark."""
    known = {id(row) for group in rows.values() for row in group} | {id(changed.after) for changed in result.changed}
    made = [row for group in result.rows.values() for row in group if id(row) not in known]
    if len(result.created) == 1:
        return [(row, next(iter(result.created))) for row in made]
    return [(row, row.details.get("mark", "")) for row in made]


def note_conflicts(rows: dict[str, list[Row]], ledger: Ledger) -> None:
    """Count rows whose prompt stands elsewhere with another label; they are kept, and the receipt says so."""
    for row in conflicting(row for group in rows.values() for row in group):
        ledger.sources[row.source].notes[CONFLICTING] += 1
