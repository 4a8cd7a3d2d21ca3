"""From a row to the models that learned from it: runs, evaluations and reports of a data set, by their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunewright.core.digest import short
from tunewright.core.nouns import Evaluation, Run
from tunewright.core.workspace import Workspace
from tunewright.data import lineage
from tunewright.data.catalogue import Entry
from tunewright.data.lineage import Standing, Story
from tunewright.train.batches import Order

MOST_STEPS = 50
REPORT = "report.html"
KEPT_ANSWERS = ("written", "judging")
"""Folders of the cache with what servers were asked and answered; nothing there says of which data set."""


@dataclass(frozen=True)
class Measured:
    """One evaluation of a model: its key, the split, and the suites."""

    key: str
    split: str
    suites: tuple[str, ...]
    made_at: str


@dataclass(frozen=True)
class Use:
    """One run on a data set. `report`: its file, empty where none was written."""

    run: str
    model: str
    recipe: str
    base: str
    made_at: str
    steps: int
    evaluations: tuple[Measured, ...] = ()
    report: str = ""


@dataclass(frozen=True)
class Sight:
    """A run that met a row. `steps`: the first steps whose batch held it, of `times` such steps; none: it never did.

    A row of validation or test is not trained on (`role`): it is what the run or its evaluations were measured on.
    """

    run: str
    model: str
    role: str
    times: int = 0
    steps: tuple[int, ...] = ()
    evaluations: tuple[Measured, ...] = ()
    report: str = ""


@dataclass(frozen=True)
class Traced:
    """A line of a file in one data set, and who met the rows that it became."""

    dataset: str
    made_at: str
    story: Story
    sights: dict[str, tuple[Sight, ...]] = field(default_factory=dict)
    """By id of a row that stands in the data set, in the line's own name or in its favour."""


def runs_on(workspace: Workspace, name: str) -> list[Run]:
    """Finished runs on a data set, the newest first."""
    return [run for run in workspace.records("runs", Run) if run.dataset == name]


def uses(workspace: Workspace, name: str) -> tuple[Use, ...]:
    """What was made from a data set."""
    evaluations = workspace.records("evaluations", Evaluation)
    return tuple(use_of(workspace, run, evaluations=evaluations) for run in runs_on(workspace, name))


def use_of(workspace: Workspace, run: Run, *, evaluations: Sequence[Evaluation]) -> Use:
    """What was made by one run."""
    report = workspace.runs / short(run.key) / REPORT
    return Use(
        run=run.key,
        model=run.name,
        recipe=str(run.recipe.get("name", "")),
        base=run.model.base,
        made_at=run.made_at,
        steps=run.steps,
        evaluations=tuple(measured(each) for each in evaluations if each.model == run.name),
        report=str(report) if report.exists() else "",
    )


def measured(evaluation: Evaluation) -> Measured:
    """An evaluation in short."""
    return Measured(evaluation.key, evaluation.split, tuple(evaluation.suites), evaluation.made_at)


def trace(workspace: Workspace, entries: Sequence[Entry], *, row: str) -> list[Traced]:
    """The way of a row through every data set that met it, the newest first.

    `row`: an id's first characters, or `file:line`. Raises UserError when it means several rows of one data set.
    """
    asked = lineage.wanted(row)
    evaluations = workspace.records("evaluations", Evaluation)
    found: list[Traced] = []
    for entry in entries:
        if not entry.whole:
            continue
        runs = runs_on(workspace, entry.name)
        for story in lineage.stories(entry.folder, asked):
            stands = (*story.standing, *story.instead)
            sights = {each.id: _sights(workspace, entry, each, runs=runs, evaluations=evaluations) for each in stands}
            found.append(Traced(entry.name, entry.opened().made_at, story, sights))
    return found


def _sights(
    workspace: Workspace, entry: Entry, row: Standing, *, runs: Sequence[Run], evaluations: Sequence[Evaluation]
) -> tuple[Sight, ...]:
    rows = entry.opened().receipt.splits.get("train", 0)
    found: list[Sight] = []
    for run in runs:
        use = use_of(workspace, run, evaluations=evaluations)
        met = tuple(each for each in use.evaluations if each.split == row.split)
        if row.split == "train":
            steps = steps_with(run, row.index, rows=rows)
            role = "trained" if steps else "not reached"
            found.append(Sight(run.key, run.name, role, len(steps), tuple(steps[:MOST_STEPS]), met, use.report))
        else:
            found.append(Sight(run.key, run.name, "measured", evaluations=met, report=use.report))
    return tuple(found)


def steps_with(run: Run, index: int, *, rows: int) -> list[int]:
    """The steps (from 1) of a run whose batch held a training row, by the order that the run followed.

    Batches that the guard left out, and steps after the weights that were kept, count as they were planned.
    """
    seed = int(run.recipe.get("training", {}).get("seed", 0))
    batch_size = int(run.used["batch_size"])
    given: dict[str, Any] = {"kind": run.used["order"]} if "order" in run.used else {}
    whole = Order(rows, max(1, rows), seed, **given)  # one batch an epoch: the order of all its rows
    per_epoch = Order(rows, batch_size, seed).steps_per_epoch
    found: list[int] = []
    for epoch in range(-(-run.steps // per_epoch)):
        place = int(np.flatnonzero(whole.rows_of(epoch + 1) == index)[0])
        found.append(epoch * per_epoch + place // batch_size + 1)
    return [step for step in found if step <= run.steps]


def results_of(workspace: Workspace, name: str) -> tuple[str, ...]:
    """Files of the workspace that may hold text of a data set's rows, relative to it; evaluations on it left out."""
    runs = runs_on(workspace, name)
    folders = [workspace.runs / short(run.key) for run in runs]
    places = [path for folder in folders for path in sorted(folder.glob("*")) if path.is_file()]
    models = {run.name for run in runs}
    for each in workspace.records("evaluations", Evaluation):
        if each.dataset != name and each.model in models:
            places += [workspace.evaluations / each.key, workspace.home / "index" / "evaluations" / f"{each.key}.json"]
    if runs:
        places.append(workspace.evaluations / "sheets")
    places += [workspace.cache / folder for folder in KEPT_ANSWERS]
    return tuple(str(path.relative_to(workspace.home)) for path in places if path.exists())
