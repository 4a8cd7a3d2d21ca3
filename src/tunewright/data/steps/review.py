"""What people decided about rows, carried out: rejected and low-rated rows go, edited answers change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from tunewright.core.events import Emit, Note, silent
from tunewright.core.ports import Changed, Gone, Message, Phase, Row, StepResult, is_answered
from tunewright.data.context import Context
from tunewright.data.review.combine import EDITED, SAME, Rules, Ruling, combine
from tunewright.data.review.decisions import Decisions, origin_of
from tunewright.data.review.summary import summarise
from tunewright.data.shelf import wholes
from tunewright.data.step import GlobalStep
from tunewright.recipe.options.steps.review import Options

MOST_MISSING = 100


class Found(NamedTuple):
    """What was decided about a row: the name that its decisions are under, and what they come to."""

    origin: str
    ruling: Ruling


class Work(GlobalStep):
    """Fulfils the port Step. Decisions whose row is gone are counted: the report of the step names them."""

    phase: Phase = "before_split"

    def __init__(self, options: Options) -> None:
        self.options = options
        self._rulings: Mapping[str, Ruling] = {}
        self._summary: dict[str, Any] = {}
        self._broken = 0
        self._emit: Emit = silent

    def bind(self, context: Context) -> None:
        """Read the decisions."""
        decisions = self._decisions(context)
        rules = Rules(self.options.raters, self.options.least_rating, self.options.on_disagreement)
        self._rulings = {origin: combine(group, rules) for origin, group in decisions.by_row().items()}
        self._summary = summarise(decisions).model_dump(mode="json") if self._rulings else {}
        self._broken = decisions.broken
        self._emit = context.emit

    def parents(self, context: Context) -> list[str]:
        """The digest of the decisions that stand."""
        return [self._decisions(context).digest]

    def map(self, rows: Sequence[Row]) -> Sequence[Any]:
        """What was decided about each row, None for most."""
        origins = [origin_of(row.id, row.details) for row in rows]
        return [Found(origin, self._rulings[origin]) if origin in self._rulings else None for origin in origins]

    def decide(self, rows: dict[str, list[Row]], found: dict[str, list[Any]]) -> StepResult:
        """Rows without those that were rejected, and with the answers that people wrote."""
        kept: dict[str, list[Row]] = {}
        gone: list[Gone] = []
        changed: list[Changed] = []
        met: Counter[str] = Counter()
        for split, group in rows.items():
            kept[split] = []
            for row, one in zip(group, found[split], strict=True):
                if one is None:
                    kept[split].append(row)
                    continue
                met[one.origin] += 1
                after, reason = carried_out(row, one.ruling)
                if after is None:
                    gone.append(Gone(row, split, "dropped", reason))
                    continue
                kept[split].append(after)
                if reason:
                    changed.append(Changed(row, after, reason))
        return StepResult(kept, gone, {}, changed, self._report(met))

    def _report(self, met: Counter[str]) -> dict[str, Any] | None:
        """What became of the decisions; said aloud where some met no row."""
        if not self._rulings and not self._broken:
            self._emit(Note(text=f"The step review: nobody has decided about a row yet ({self.options.file})."))
            return None
        missing = [origin for origin in self._rulings if origin not in met]
        if missing:
            self._emit(Note(text=f"The step review: {len(missing):,} reviewed rows are not among the rows any more."))
        if self._broken:
            self._emit(Note(text=f"The step review: {self._broken:,} lines of {self.options.file} cannot be read."))
        states = Counter(ruling.state for ruling in self._rulings.values())
        return {
            "reviewed": len(self._rulings),
            "met": len(met),
            "missing": len(missing),
            "missing_rows": missing[:MOST_MISSING],
            "waiting": states["waiting"],
            "disagreed": states["disagreed"],
            "broken_lines": self._broken,
            "people": self._summary,
        }

    def _decisions(self, context: Context) -> Decisions:
        return Decisions(context.folder / Path(self.options.file).expanduser())

    def __getstate__(self) -> dict[str, Any]:
        """What goes to other processes: values alone."""
        return {**self.__dict__, "_emit": silent}


OF_THE_ANSWER = ("log_probabilities", "rating", "desirable", "margin", "scores")
"""Details that were said of the answer that stood there before."""


def carried_out(row: Row, ruling: Ruling) -> tuple[Row | None, str]:
    """The row after a ruling and the reason; None for a row that goes, "" where nothing changed."""
    if ruling.drop:
        return None, ruling.drop
    if ruling.answer is None:
        return row, ""
    (whole,) = wholes([row])
    if ruling.answer == whole.target or not is_answered(whole.messages):
        return row, ""
    if whole.rejected and whole.rejected[-1].get("content") == ruling.answer:
        return None, SAME
    return answered(whole, ruling.answer), EDITED


def answered(row: Row, answer: str) -> Row:
    """The row with another answer; its label is its answer, and what the base model said of the old one is void."""
    last: Message = {**row.messages[-1], "content": answer}
    details = {name: value for name, value in row.details.items() if name not in OF_THE_ANSWER}
    label = answer if row.label is not None else None
    return replace(row, messages=(*row.messages[:-1], last), label=label, details=details)  # type: ignore[arg-type]
