"""Names to working parts: the only caller of the catalog's `work`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_origin

from pydantic import ValidationError

from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.core.ports import Detector, Embedder, HasOutputs, Tracker
from tunewright.core.store import Store
from tunewright.data.prepare import DataParts
from tunewright.data.rows import SPLITS
from tunewright.evaluate.suite import OfHead, scorers_of
from tunewright.recipe import remote
from tunewright.recipe.recipe import DataOptions, Recipe
from tunewright.recipe.scalars import read_scalar
from tunewright.recipe.sources import sources_of
from tunewright.train.parts import TrainParts


def part(kind: str, options: Any) -> Any:
    """The working object of a part, built from its options."""
    return catalog.work(kind, options.type)(options)


def every(kind: str) -> dict[str, Any]:
    """Every part of a kind with its default options, by name."""
    return {name: catalog.work(kind, name)(catalog.options(kind, name)()) for name in catalog.names(kind)}


def data_parts(options: DataOptions) -> DataParts:
    """Sources, shapes and steps that a recipe's data needs; all shapes when the shape is to be detected."""
    shapes = every("shapes") if options.shape == "auto" else {options.shape.type: part("shapes", options.shape)}
    return DataParts(every("sources"), shapes, tuple(part("steps", step) for step in options.steps), stores(options))


def stores(options: DataOptions) -> dict[str, Store]:
    """The stores that remote sources of a recipe lie in, by name; none is loaded for local files."""
    sources = (each for split in SPLITS for each in sources_of(getattr(options, split)))
    names = {name for source in sources if (name := remote.store_of(source.path))}
    return {name: part("stores", catalog.options("stores", name)()) for name in sorted(names)}


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


def embedder(options: Any) -> Embedder:
    """An embedder. Raises OutsideError with the install command where its package is missing."""
    return part("embedders", options)


def detector(options: Any) -> Detector:
    """A detector. Raises OutsideError with the install command where its package is missing."""
    return part("detectors", options)


def harness(name: str) -> Any:
    """A harness of other people's tasks. Raises OutsideError with the install command where its package is missing."""
    return part("harnesses", catalog.options("harnesses", name)())


def suites(recipe: Recipe, *, labels: Sequence[str]) -> list[Any]:
    """The suites of a recipe, with the metrics that its gates ask for besides their own.

    `auto` is what the head says where the objective trains one; else held-out loss, with preferences for pairs, greedy
    answers for rated rows, labels where rows have labels, else greedy answers; and every suite that a gate names.
    """
    asked, kind = recipe.evaluate.suites, head(recipe)
    if asked == "auto":
        known = catalog.names("suites")
        named = [gate.suite for gate in recipe.gates if gate.suite in known]
        names = dict.fromkeys((*_by_rows(recipe.objective.rows, labels=labels, headed=kind is not None), *named))
        asked = tuple(catalog.options("suites", name)() for name in names)
    found = [part("suites", options) for options in asked]
    for suite in found:
        if kind is not None and isinstance(suite, OfHead):
            suite.kind = kind
    return [with_metrics(suite, recipe.gates) for suite in found]


def _by_rows(rows: str, *, labels: Sequence[str], headed: bool) -> tuple[str, ...]:
    """What `auto` means, by the rows that the objective learns from, and whether it trains a head."""
    if headed:
        return ("head",)
    answered = "labels" if labels else "answers"
    return {"documents": ("heldout",), "pairs": ("heldout", "preferences"), "rated": ("heldout", "answers")}.get(
        rows, ("heldout", answered)
    )


def head(recipe: Recipe) -> str | None:
    """What the head of the recipe's objective says: reward, classes or number; None for an objective without one."""
    objective = part("objectives", recipe.objective)
    return objective.outputs(()).kind if isinstance(objective, HasOutputs) else None


def suite_options(text: str) -> Any:
    """Options of a suite from the command line: `general`, or `archive:set=boolq,max_rows=100`. Raises UserError.

    A key that holds a list takes it with plus signs: `general:parts=text+tasks`.
    """
    name, _, keys = text.partition(":")
    options: Any = catalog.options("suites", name)
    given: dict[str, Any] = {"type": name}
    for pair in filter(None, keys.split(",")):
        key, sign, value = pair.partition("=")
        if not sign:
            raise UserError(f'"{pair}" is no key and value.', where=f"--suite {text}", do="Write KEY=VALUE.")
        field = options.model_fields.get(key.strip())
        listed = field is not None and get_origin(field.annotation) is tuple
        scalars = [read_scalar(each.strip()) for each in (value.split("+") if listed else [value])]
        given[key.strip()] = scalars if listed else scalars[0]
    try:
        return options.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place, key = ".".join(map(str, first["loc"])), str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            what, do = f'there is no key "{key}" here.', catalog.nearest(key, list(options.model_fields))
        else:
            what, do = f"{place}: {first['msg'].lower()}.", f"More: tunewright explain evaluate.suites.{name}.{key}"
        raise UserError(what, where=f"--suite {text}", do=do) from error


def with_metrics(suite: Any, gates: Sequence[Any]) -> Any:
    """A suite that also has the metrics of gates on it or its ways; its answers are the same.

    A metric that a gate asks of the suite is measured in every way, unless some way has it already.
    """
    has = {metric for way in suite.ways for metric in scorers_of(suite, way)}
    wanted = [gate.metric for gate in gates if gate.suite == suite.name and gate.metric not in has]
    more = {way: [*wanted, *(gate.metric for gate in gates if gate.suite == way)] for way in suite.ways}
    if any(more.values()):
        suite.way_scorers = {way: tuple(dict.fromkeys((*scorers_of(suite, way), *more[way]))) for way in suite.ways}
    return suite


def scorer(name: str, given: Sequence[Any] = ()) -> Any:
    """A metric with the options that are given for it, else its defaults. Raises UserError with the nearest name."""
    own = [options for options in given if options.type == name]
    if len(own) > 1:
        do = "Keep one: a metric has one set of options."
        raise UserError(f"the metric {name} has options twice.", where="evaluate.scorers", do=do)
    return part("scorers", own[0] if own else catalog.options("scorers", name)())


def scorers(found: Sequence[Any], given: Sequence[Any] = ()) -> dict[str, Any]:
    """The metrics that suites name, by name, with options where these are given."""
    names = {name for suite in found for way in suite.ways for name in scorers_of(suite, way)}
    return {name: scorer(name, given) for name in sorted(names)}
