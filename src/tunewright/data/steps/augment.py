"""Further training rows out of those that are there; each says what made it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from tunewright.core.events import Emit, Note, silent
from tunewright.core.ports import Phase, Row, StepResult
from tunewright.core.writing import Endpoint, Writer
from tunewright.data.augmenting.copies import Copier, by_lot, can_be_copied, wanted
from tunewright.data.augmenting.written import (
    Harvest,
    endpoint_of,
    judged,
    paraphrases,
    synthesised,
    without_alike,
)
from tunewright.data.context import Context
from tunewright.data.rows import content_key
from tunewright.data.shelf import wholes
from tunewright.recipe.options.steps.augment import Options, WrittenOptions


class Work:
    """Fulfils the port Step. It sees validation and test rows, so that it makes none of them."""

    phase: Phase = "training_rows"
    sees_measured = True

    def __init__(self, options: Options) -> None:
        self.options = options
        self._emit: Emit = silent
        self._open: Callable[[Endpoint], Writer] | None = None

    def bind(self, context: Context) -> None:
        """Take what opens a model behind a server."""
        self._emit, self._open = context.emit, context.writer

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Training rows, and behind them what was made. Other splits stay as they are.

        Raises LimitNotMet at the cost limit, and OutsideError when the server cannot be used.
        """
        train = rows.get("train", [])
        places = [place for place, row in enumerate(wholes(train)) if can_be_copied(row)]
        if train and not places:
            self._emit(Note(text="augment: no row has a user turn that could be changed, so none is made."))
        known = {content_key(row) for group in rows.values() for row in group}
        made, report = self._copies(train, places, known=known)
        if self.options.written is not None and self._open is not None:
            writer = self._open(endpoint_of(self.options.written))
            harvest = self._harvest(self.options.written, rows, places=places, writer=writer)
            new = self._new(harvest, known)
            report |= {"rejected": dict(sorted(harvest.rejected.items())), "spent_usd": round(writer.spent_usd, 6)}
            made += new
            self._tell(self.options.written, harvest, written=len(new), spent_usd=writer.spent_usd)
        created = Counter(row.details.get("mark", "") for row in made)
        report["created"] = dict(sorted(created.items()))
        return StepResult({**rows, "train": [*train, *made]}, [], dict(created), report=report)

    def _copies(
        self, train: Sequence[Row], places: Sequence[int], *, known: set[bytes]
    ) -> tuple[list[Row], dict[str, Any]]:
        """Copies of rows, none of which stands anywhere yet; the report says which were wanted and could not be had."""
        copier = Copier(self.options)
        asked, short = wanted(train, places, options=self.options) if copier.kinds else ([], {})
        found: dict[tuple[int, int], Row] = {}
        for one in asked:
            (row,) = wholes([train[one.place]])
            for copy in copier.copies(row, one.number):
                if (key := content_key(copy)) not in known:
                    known.add(key)
                    found[one.place, one.number] = copy
                    break
        if short:
            told = ", ".join(f"{label} {count:,}" for label, count in short.items())
            self._emit(
                Note(text=f"augment: labels stay short of rows, at {self.options.most_copies} copies a row: {told}.")
            )
        report: dict[str, Any] = {"wanted": len(asked), "short": short, "not_changed": len(asked) - len(found)}
        return [found[at] for at in sorted(found)], report

    def _harvest(
        self, options: WrittenOptions, rows: Mapping[str, Sequence[Row]], *, places: Sequence[int], writer: Writer
    ) -> Harvest:
        """What the model wrote, without what is alike to other rows or was judged unfit."""
        train = rows.get("train", [])
        drawn = by_lot(train, places, seed=self.options.seed, purpose="written")
        if options.task == "paraphrase":
            chosen = list(wholes([train[place] for place in drawn[: options.rows]]))
            harvest = paraphrases(chosen, options, writer=writer)
        else:
            labels = sorted({row.label for row in train if row.label is not None})
            chosen = list(wholes([train[place] for place in drawn]))
            harvest = synthesised(chosen, options, writer=writer, labels=labels, seed=self.options.seed)
        without_alike(harvest, _everywhere(rows), share=self.options.alike)
        if options.rubric and harvest.rows:
            judged(harvest, options, writer=writer, rows={row.id: row for row in chosen})
        return harvest

    def _new(self, harvest: Harvest, known: set[bytes]) -> list[Row]:
        """Rows that are equal to no other."""
        found: list[Row] = []
        for row in harvest.rows:
            if (key := content_key(row)) in known:
                harvest.rejected["copy"] += 1
                continue
            known.add(key)
            found.append(row)
        return found

    def _tell(self, options: WrittenOptions, harvest: Harvest, *, written: int, spent_usd: float) -> None:
        told = ", ".join(f"{reason.replace('_', ' ')} {count:,}" for reason, count in harvest.rejected.most_common())
        cost = f", for {spent_usd:.4g} USD" if spent_usd else ""
        rejected = f"; rejected: {told}" if told else ""
        self._emit(Note(text=f"augment: {options.model or options.url} wrote {written:,} rows{cost}{rejected}."))


def _everywhere(rows: Mapping[str, Sequence[Row]]) -> Iterator[Row]:
    return wholes(chain.from_iterable(rows.values()))
