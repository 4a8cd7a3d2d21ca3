"""A mixture of sources: fixed parts, or by size and temperature; in rows or in tokens."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tunewright.core.errors import UserError
from tunewright.core.ports import Chat, Phase, Row, StepResult
from tunewright.data.context import Context
from tunewright.data.draw import apportion, drawn, full_rounds, repeated
from tunewright.data.groups import places_by, values_of
from tunewright.data.token_counts import token_counts
from tunewright.recipe.options.steps.mix import Options

LEFT_OUT, REPEATED = "mix.left_out", "mix.repeated"
WHERE = "data.steps.mix"


class Work:
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options
        self._chat: Chat | None = None

    def bind(self, context: Context) -> None:
        """Take the tokenizer."""
        self._chat = context.chat

    def apply(self, rows: dict[str, list[Row]]) -> StepResult:
        """Training rows of which each source has its share, to within one row; other splits stay as they are.

        Raises UserError for a source that no pattern names, and for a total that its rows cannot fill.
        """
        train = rows.get("train", [])
        values = values_of(train, self.options.by, where=f"{WHERE}.by")
        groups = places_by(self._patterns(values) if isinstance(self.options.shares, dict) else _named(values))
        if not groups:
            return StepResult(dict(rows), [], {})
        costs = self._costs(train)
        sizes = {name: sum(costs[place] for place in places) for name, places in groups.items()}
        shares = shares_of(sizes, self.options)
        total = self._total(sizes, shares)
        orders = {name: drawn(train, places, seed=self.options.seed) for name, places in groups.items()}
        often = [0] * len(train)
        for place, count in self._often(orders, costs, targets={name: total * part for name, part in shares.items()}):
            often[place] = count
        done = repeated(train, often, reasons=(LEFT_OUT, REPEATED))
        return done._replace(rows={**rows, **done.rows})

    def _patterns(self, values: Sequence[str | None]) -> list[str]:
        assert isinstance(self.options.shares, dict), "asked for patterns alone"
        patterns = list(self.options.shares)
        found = [next((like for like in patterns if fnmatchcase(value or "", like)), None) for value in values]
        for value, pattern in zip(values, found, strict=True):
            if pattern is None:
                named = f'the {self.options.by} "{value}"' if value else f"rows without a {self.options.by}"
                what = f"no pattern fits {named}."
                raise UserError(what, where=f"{WHERE}.shares", do='Add a line for it, or `"*": 0` to leave it out.')
        return [pattern for pattern in found if pattern is not None]

    def _costs(self, rows: Sequence[Any]) -> list[int]:
        if self.options.measure == "rows":
            return [1] * len(rows)
        if self._chat is None:
            raise UserError("tokens are counted with the model's tokenizer, and none was given.", where=WHERE)
        return token_counts(rows, self._chat)

    def _total(self, sizes: Mapping[str, int], shares: Mapping[str, float]) -> float:
        """Rows or tokens of the mixture: as asked, or as before, as long as no source is repeated too often."""
        for name, part in shares.items():
            if part and not sizes.get(name):
                raise UserError(f'"{name}" fits no row that holds anything.', where=f"{WHERE}.shares", do="Mend it.")
        most, name = min((self.options.max_repeats * sizes[name] / part, name) for name, part in shares.items() if part)
        if self.options.total is None:
            total = min(most, sum(sizes.values()))
            return total if self.options.measure == "tokens" else math.floor(total + 1e-9)
        if self.options.total > most + 1e-9:
            raise UserError(
                f'"{name}" would stand there more than {self.options.max_repeats:g} times.',
                where=f"{WHERE}.total",
                do=f"Ask for at most {math.floor(most):,}, or raise max_repeats.",
            )
        return self.options.total

    def _often(
        self, orders: Mapping[str, list[int]], costs: Sequence[int], *, targets: Mapping[str, float]
    ) -> list[tuple[int, int]]:
        """Place and how often."""
        if self.options.measure == "tokens":
            return [
                pair for name, order in orders.items() for pair in nearest(order, costs, target=targets.get(name, 0))
            ]
        total = round(sum(targets.values()))
        counts = apportion(total, {name: target / total for name, target in targets.items()}) if total else {}
        return [pair for name, order in orders.items() for pair in full_rounds(order, counts.get(name, 0))]


def shares_of(sizes: Mapping[str, int], options: Options) -> dict[str, float]:
    """Shares that add up to 1, by group or pattern."""
    if isinstance(options.shares, dict):
        parts: dict[str, float] = dict(options.shares)
    else:
        power = 1 / options.temperature if options.shares == "temperature" else 1.0
        parts = {name: size**power for name, size in sorted(sizes.items())}
    whole = sum(parts.values())
    return {name: part / whole for name, part in parts.items()} if whole else dict.fromkeys(parts, 1 / len(parts))


def nearest(order: Sequence[int], costs: Sequence[int], *, target: float) -> list[tuple[int, int]]:
    """How often each row of a group is taken, so that their costs add up to a target, to within half a row.

    Whole rounds first, then rows in the order of the draw for as long as another one brings the sum nearer.
    """
    whole = sum(costs[place] for place in order)
    rounds = int(target // whole) if whole else 0
    left = target - rounds * whole
    found: list[tuple[int, int]] = []
    for place in order:
        takes = left > 0 and abs(left - costs[place]) < left
        left -= costs[place] if takes else 0
        found.append((place, rounds + takes))
    return found


def _named(values: Sequence[str | None]) -> list[str]:
    return [value or "" for value in values]
