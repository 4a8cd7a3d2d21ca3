"""Who is spoken of in the training rows, how, and with which professions; rows with swapped genders, and weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from tunewright.core.ports import Changed, Message, Phase, Row, StepResult
from tunewright.data.augmenting.copies import new_row
from tunewright.data.bias_tally import Look, Tally, groups_of, look
from tunewright.data.counterfactual import reason_to_leave, swapped
from tunewright.data.row_weights import times
from tunewright.data.rows import content_key
from tunewright.data.shelf import wholes
from tunewright.data.step import GlobalStep
from tunewright.recipe.options.steps.bias_scan import CounterfactualOptions, Options

COUNTERFACTUAL, REWEIGHT = "bias.counterfactual", "bias.reweight"


class Work(GlobalStep):
    """Fulfils the port Step."""

    phase: Phase = "training_rows"

    def __init__(self, options: Options) -> None:
        self.options = options

    def map(self, rows: Sequence[Row]) -> list[Look | None]:
        """What each row says of groups."""
        return [look(row, self.options.attributes) for row in rows]

    def decide(self, rows: dict[str, list[Row]], found: dict[str, list[Any]]) -> StepResult:
        """The rows, those with swapped genders behind them, and weights; the report has counts before and after."""
        train, looks = rows.get("train", []), cast("list[Look | None]", found.get("train", []))
        report: dict[str, Any] = {"rows": len(train), "before": self._report(train, looks)}
        new: list[Row] = []
        if self.options.counterfactual is not None:
            new, left_out = counterfactuals(train, looks, options=self.options.counterfactual)
            report["counterfactual"] = {"rows": len(new), "left_out": dict(sorted(left_out.items()))}
        after, changed = [*train, *new], list[Changed]()
        looks = [*looks, *self.map(new)]
        if self.options.reweight is not None:
            factors = group_factors(after, looks, attribute=self.options.reweight, most=self.options.most_weight)
            after, changed = weighted(after, looks, attribute=self.options.reweight, factors=factors)
            report["reweight"] = {group.partition(":")[2]: round(factor, 4) for group, factor in factors.items()}
        if len(report) > 2:  # something was done about it
            report["after"] = self._report(after, looks)
        created = {COUNTERFACTUAL: len(new)} if new else {}
        return StepResult({**rows, "train": after}, [], created, changed, report=report)

    def _report(self, rows: Sequence[Row], looks: Sequence[Look | None]) -> dict[str, Any]:
        tally = Tally()
        for row, found in zip(rows, looks, strict=True):
            tally.add(found, weight=row.details.get("weight", 1.0) if found else 1.0)
        return tally.report(self.options.attributes, professions=self.options.professions)


def counterfactuals(
    train: Sequence[Row], looks: Sequence[Look | None], *, options: CounterfactualOptions
) -> tuple[list[Row], Counter[str]]:
    """For each row about a gender one about the other, and by reason how many rows have none."""
    known = {content_key(row) for row in train}
    left_out: Counter[str] = Counter()
    found: list[Row] = []
    for handle, seen in zip(train, looks, strict=True):
        if not groups_of(seen, options.attribute):
            continue
        (row,) = wholes([handle])
        made, reason = counterpart(row, options)
        if made is None or content_key(made) in known:
            left_out[reason or "stands_already"] += 1
            continue
        known.add(content_key(made))
        found.append(made)
    return found, left_out


def counterpart(row: Row, options: CounterfactualOptions) -> tuple[Row | None, str]:
    """A row with genders swapped in all turns, or why there is none. An answer that is a label stays."""
    if "mark" in row.details:
        return None, "made"
    if options.careful:
        text = "\n".join(turn.get("content", "") for turn in (*row.messages, *row.rejected))
        if reason := reason_to_leave(text):
            return None, reason
    kept = 1 if row.label is not None else 0
    messages = [*_swapped(row.messages[: len(row.messages) - kept], options), *row.messages[len(row.messages) - kept :]]
    if tuple(messages) == row.messages:
        return None, "no_counterpart"
    other = replace(row, rejected=tuple(_swapped(row.rejected, options)))
    return new_row(other, tuple(messages), mark=COUNTERFACTUAL), ""


def _swapped(turns: Sequence[Message], options: CounterfactualOptions) -> list[Message]:
    return [
        cast("Message", {**turn, "content": swapped(turn.get("content", ""), names=options.names)}) for turn in turns
    ]


def group_factors(
    rows: Sequence[Row], looks: Sequence[Look | None], *, attribute: str, most: float
) -> dict[str, float]:
    """By group what its rows are weighted by, so that all groups have the mean weight; at most `most`, at least 1/most.

    A row that mentions several groups, or none, stays as it is.
    """
    weights: Counter[str] = Counter()
    for row, seen in zip(rows, looks, strict=True):
        groups = groups_of(seen, attribute)
        if len(groups) == 1:
            weights[groups[0]] += row.details.get("weight", 1.0)  # pyright: ignore[reportArgumentType]
    mean = sum(weights.values()) / len(weights) if weights else 0.0
    return {group: min(most, max(1 / most, mean / weight)) for group, weight in sorted(weights.items()) if weight > 0}


def weighted(
    rows: Sequence[Row], looks: Sequence[Look | None], *, attribute: str, factors: dict[str, float]
) -> tuple[list[Row], list[Changed]]:
    """The rows with their groups' factors in their weights, and those that changed."""
    after, changed = list(rows), list[Changed]()
    for place, (handle, seen) in enumerate(zip(rows, looks, strict=True)):
        groups = groups_of(seen, attribute)
        factor = factors.get(groups[0], 1.0) if len(groups) == 1 else 1.0
        if factor != 1:
            (row,) = wholes([handle])
            after[place] = times(row, factor)
            changed.append(Changed(row, after[place], REWEIGHT))
    return after, changed
