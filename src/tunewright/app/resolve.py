"""Names to working parts: the only caller of the catalog's `work`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunewright.core import catalog
from tunewright.core.ports import Tracker
from tunewright.data.prepare import DataParts
from tunewright.recipe.recipe import DataOptions, Recipe
from tunewright.train.settings import TrainParts


def part(kind: str, options: Any) -> Any:
    """The working object of a part, built from its options."""
    return catalog.work(kind, options.type)(options)


def every(kind: str) -> dict[str, Any]:
    """Every part of a kind with its default options, by name."""
    return {name: catalog.work(kind, name)(catalog.options(kind, name)()) for name in catalog.names(kind)}


def data_parts(options: DataOptions) -> DataParts:
    """Sources, shapes and steps that a recipe's data needs; all shapes when the shape is to be detected."""
    shapes = every("shapes") if options.shape == "auto" else {options.shape.type: part("shapes", options.shape)}
    return DataParts(every("sources"), shapes, tuple(part("steps", step) for step in options.steps))


def train_parts(recipe: Recipe) -> TrainParts:
    """Method, objective, optimiser and schedule of a recipe."""
    optimiser = part("optimisers", recipe.training.optimiser)
    schedule = recipe.training.schedule
    if schedule == "auto":
        schedule = catalog.options("schedules", optimiser.schedule)()
    return TrainParts(
        part("methods", recipe.method), part("objectives", recipe.objective), optimiser, part("schedules", schedule)
    )


def trackers(recipe: Recipe) -> dict[str, Tracker]:
    """The trackers of a recipe by name."""
    return {options.type: part("trackers", options) for options in recipe.output.trackers}


def suites(recipe: Recipe, *, labels: Sequence[str]) -> list[Any]:
    """The suites of a recipe; `auto` is held-out loss, and labels where rows have them, else greedy answers."""
    asked = recipe.evaluate.suites
    if asked == "auto":
        answered = () if recipe.objective.rows == "documents" else ("labels" if labels else "answers",)
        names = ("heldout", *answered)
        asked = tuple(catalog.options("suites", name)() for name in names)
    return [part("suites", options) for options in asked]


def scorers(found: Sequence[Any]) -> dict[str, Any]:
    """The metrics that suites name, by name."""
    names = {name for suite in found for name in suite.scorers}
    return {name: part("scorers", catalog.options("scorers", name)()) for name in sorted(names)}
