"""The training rows that teach most for a budget of rows or tokens."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from tunewright.core.ports import Gone, Phase, Row, StepResult
from tunewright.data.context import Asking, Context
from tunewright.data.draw import amount, drawn
from tunewright.data.k_centre import k_centre
from tunewright.data.losses import base_losses
from tunewright.data.shelf import wholes
from tunewright.data.token_counts import asked_counts
from tunewright.data.word_vectors import text_of, word_vectors
from tunewright.recipe.options.steps.select import Options


class Work(Asking):
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def parents(self, context: Context) -> list[str]:
        """The base model, where it decides."""
        return [] if self.options.by == "diverse" else [context.model_digest]

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """The rows chosen, in the order in which they stood; other splits stay as they are."""
        train = rows.get("train", [])
        order = drawn(train, range(len(train)), seed=self.options.seed)
        stay = set(self._chosen([train[place] for place in order]))
        kept = {place for at, place in enumerate(order) if at in stay}
        gone = [Gone(row, "train", "dropped", "select") for place, row in enumerate(train) if place not in kept]
        return StepResult({**rows, "train": [train[place] for place in sorted(kept)]}, gone, {})

    def _chosen(self, rows: Sequence[Any]) -> Iterable[int]:
        """Places of the rows that stay."""
        count = amount(self.options.rows, len(rows))
        if count == len(rows) and self.options.tokens is None:
            return range(len(rows))
        costs = self._costs(rows)
        budget = math.inf if self.options.tokens is None else self.options.tokens
        if self.options.by == "diverse":
            vectors = word_vectors(text_of(row, self.options.text) for row in wholes(rows))
            return k_centre(vectors, rows=count, costs=costs, budget=budget)
        losses = base_losses(rows, self._context, stage="select")
        return within(by_loss(losses, falling=self.options.by == "hard"), costs, rows=count, budget=budget)

    def _costs(self, rows: Sequence[Any]) -> list[int]:
        if self.options.tokens is None:
            return [0] * len(rows)
        return asked_counts(rows, self._context, where="data.steps.select.tokens")


def by_loss(losses: Sequence[float], *, falling: bool) -> list[int]:
    """Places by loss; rows that cannot be scored come last."""
    last = -math.inf if falling else math.inf
    known = [last if math.isnan(loss) else loss for loss in losses]
    return sorted(range(len(known)), key=lambda at: -known[at] if falling else known[at])


def within(order: Iterable[int], costs: Sequence[int], *, rows: int, budget: float) -> list[int]:
    """The first rows of an order that fit; one that does not is passed over."""
    chosen: list[int] = []
    for place in order:
        if len(chosen) < rows and costs[place] <= budget:
            chosen.append(place)
            budget -= costs[place]
    return chosen
