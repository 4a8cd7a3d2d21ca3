"""Balance of labels or of values of a column, among the training rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunewright.core.ports import Changed, Phase, Row, StepResult
from tunewright.data.draw import drawn, full_rounds, repeated
from tunewright.data.groups import places_by, values_of
from tunewright.data.row_weights import times
from tunewright.recipe.options.steps.balance import Options

LEFT_OUT, REPEATED, WEIGHTED = "balance.left_out", "balance.repeated", "balance.weighted"
Groups = Mapping[str, list[int]]


class Work:
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Fewer, more, or weighted training rows; other splits stay as they are. Raises UserError without values."""
        train = rows.get("train", [])
        groups = places_by(values_of(train, self.options.by, where="data.steps.balance.by"))
        if self.options.how == "weight":
            return self._weighted(rows, groups)
        done = repeated(train, self._times(train, groups), reasons=(LEFT_OUT, REPEATED))
        return done._replace(rows={**rows, **done.rows})

    def _times(self, rows: list[Any], groups: Groups) -> list[int]:
        found = [1] * len(rows)
        sizes = [len(places) for places in groups.values()]
        over = self.options.how == "oversample"
        wanted = self.options.rows or (max if over else min)(sizes, default=0)
        for places in groups.values():
            size = len(places)
            count = min(max(size, wanted), size * self.options.max_repeats) if over else min(size, wanted)
            for place, often in full_rounds(drawn(rows, places, seed=self.options.seed), count):
                found[place] = often
        return found

    def _weighted(self, rows: dict[str, list[Row]], groups: Groups) -> StepResult:
        """The weights of a group add up to the same for every group, and all together to the number of rows."""
        train: list[Any] = list(rows.get("train", []))
        changed: list[Changed] = []
        total = sum(map(len, groups.values()))
        for places in groups.values():
            factor = total / (len(groups) * len(places))
            for place in places if factor != 1 else ():
                new = times(train[place], factor)
                changed.append(Changed(train[place], new, WEIGHTED))
                train[place] = new
        return StepResult({**rows, "train": train}, [], {}, changed)
