"""A random part of the rows, stratified where that is asked for."""

from __future__ import annotations

from typing import Any

from tunewright.core.ports import Gone, Phase, Row, StepResult
from tunewright.data.draw import amount, drawn
from tunewright.data.groups import places_by, values_of
from tunewright.data.split import allocate
from tunewright.recipe.options.steps.sample import Options


class Work:
    """Fulfils the port Step."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.phase: Phase = options.of

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """The rows drawn, in the order in which they stood.

        Of each value of `stratify` a share as of all, up or down to a whole row; rows without a value are one group.
        """
        kept, gone = dict(rows), list[Gone]()
        for split in ["train"] if self.phase == "training_rows" else list(rows):
            stay = self._draw(rows.get(split, []))
            kept[split] = [row for place, row in enumerate(rows.get(split, [])) if place in stay]
            gone += [
                Gone(row, split, "dropped", "sample")
                for place, row in enumerate(rows.get(split, []))
                if place not in stay
            ]
        return StepResult(kept, gone, {})

    def _draw(self, rows: list[Any]) -> set[int]:
        options = self.options
        count = amount(options.rows, len(rows))
        groups = {"": list(range(len(rows)))}
        if options.stratify is not None:
            values = values_of(rows, options.stratify, where="data.steps.sample.stratify")
            groups = places_by(value or "" for value in values)
        sizes = {name: len(places) for name, places in groups.items()}
        counts = allocate(sizes, count / max(1, len(rows)), free=sizes)
        return {
            place for name, places in groups.items() for place in drawn(rows, places, seed=options.seed)[: counts[name]]
        }
