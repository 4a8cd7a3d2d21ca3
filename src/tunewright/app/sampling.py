"""The verb `sampling`: which model, suite and rows are meant, and the search as a stage that is skipped when done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tunewright.app import evaluating, flow, resolve, rewards, targets
from tunewright.app.loaded import base_of, check_base
from tunewright.app.project import Project, open_project, open_run
from tunewright.app.stage import Stage
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, silent
from tunewright.core.nouns import DatasetVersion, Run, SamplingSearch
from tunewright.data.dataset import open_dataset
from tunewright.evaluate.bench import Data, Task, set_up
from tunewright.evaluate.sampling import CHECKED, LEAST_ROWS, SEARCHED, Trial, check_metric, divided, grid
from tunewright.evaluate.sampling_record import RECORD, noted, tune
from tunewright.evaluate.sheets import Sheets
from tunewright.evaluate.suite import Writes, scorers_of
from tunewright.recipe.recipe import Recipe

SAMPLING_VERSION = 1


@dataclass(frozen=True)
class Asked:
    """What settings are tuned for: a metric and a suite (None: the main one of the first that writes answers).

    `rows`: most validation rows of the search; `samples`: answers a row under settings that draw.
    """

    metric: str | None = None
    suite: str | None = None
    rows: int = 64
    samples: int = 2


class Chosen(NamedTuple):
    """The suite that asks, the way in which answers are written, and the metric that decides."""

    suite: Any
    way: str
    metric: str
    scorer: Any


def of_target(
    target: str, asked: Asked, *, sets: Sequence[str] = (), home: Path | None = None, emit: Emit
) -> tuple[SamplingSearch, Path]:
    """Tune the settings of a recipe's model, trained first if need be, or of a run's; the record and its file.

    Raises UserError for any other target, and before training where nothing could be tuned.
    """
    kind = targets.kind_of(target)
    if kind == "recipe":
        project = open_project(Path(target), sets=sets, home=home)
        choose(project, flow.prepare(project, emit), asked=asked)
        return of_run(project, flow.train(project, emit), asked=asked, emit=emit)
    if kind == "run":
        project, run = open_run(Path(target), home=home)
        return of_run(project, run, asked=asked, emit=emit)
    raise UserError(
        "sampling settings are tuned for the model of a recipe or of a run.",
        where=target,
        do="Give a recipe file, its folder, or a folder below runs/ or models/ of a workspace.",
    )


def of_run(project: Project, run: Run, *, asked: Asked, emit: Emit) -> tuple[SamplingSearch, Path]:
    """Search settings for one run's model on its own data set, or take the record when nothing has changed."""
    base = base_of(project, emit)
    check_base(run, base)
    version = flow.dataset_of(project, run, emit=emit)
    chosen = choose(project, version, asked=asked, emit=emit)
    model = evaluating.RunModels(project, run, base, emit).respondent("tuned")
    options = project.recipe.evaluate.model_copy(update={"split": CHECKED, "base_prompts": ("bare",)})
    key = digest.of_json(
        [
            SAMPLING_VERSION,
            options.model_dump(mode="json", exclude={"suites"}),
            chosen.suite.options.model_dump(mode="json"),
            [chosen.way, chosen.metric, asked.rows, asked.samples],
            [noted(each).model_dump() for each in grid()],
            [model.identity, version.name, base.chat.digest],
            rewards.names(options.scorers, folder=project.folder, workspace=project.workspace),
        ]
    )
    folder = project.workspace.evaluations / key

    def work() -> SamplingSearch:
        data = Data(open_dataset(project.workspace, version), version, base.chat)
        sheets = project.workspace.evaluations / "sheets"
        task = Task(options, data, run.name, key, folder, project.now(), project.clock, sheets=sheets)
        bench = set_up(task).bench
        rows, heldout = divided(chosen.suite, data, bench=bench, most=asked.rows)
        trial = Trial(model, *chosen, bench, samples=asked.samples, sheets=Sheets(sheets))
        return tune(trial, rows, heldout=heldout, task=task, emit=emit)

    def exists(_: SamplingSearch) -> bool:
        return (folder / RECORD).exists()

    return Stage("sampling", key, SamplingSearch, work, exists).done(project, emit), folder / RECORD


def choose(project: Project, version: DatasetVersion, *, asked: Asked, emit: Emit = silent) -> Chosen:
    """The suite, way and metric that are meant. Raises UserError where there is none, or rows are missing."""
    for split, least, why in ((SEARCHED, LEAST_ROWS, "to search on"), (CHECKED, 1, "to check the winner on")):
        rows = version.receipt.splits.get(split, 0)
        if rows < least:
            raise UserError(
                f"the dataset has {rows or 'no'} {split} row{'' if rows == 1 else 's'}; "
                f"sampling settings need at least {least} {why}.",
                where=f"data.split.{split}",
                do=f"Raise that share, or name a file under data.{split}.",
            )
    suite = _suite(project.recipe, version, named=asked.suite)
    way = suite.written_ways[0]
    metric = asked.metric or next(iter(scorers_of(suite, way)), None)
    if metric is None:
        raise UserError(f"{suite.name} has no metric.", where="evaluate.suites", do="Name one with --metric.")
    scorer = resolve.scorer(metric, project.recipe.evaluate.scorers)
    rewards.bind([scorer], folder=project.folder, workspace=project.workspace, emit=emit)
    check_metric(metric, scorer)
    return Chosen(suite, way, metric, scorer)


def _suite(recipe: Recipe, version: DatasetVersion, *, named: str | None) -> Any:
    """The suite of that name, as the recipe has it where it does; the recipe's first that writes without a name."""
    suites = resolve.suites(recipe, labels=version.labels)
    if named is not None:
        options = resolve.suite_options(named)
        own = [suite for suite in suites if suite.options.type == options.type and ":" not in named]
        suites = own or [resolve.part("suites", options)]
    writing = [suite for suite in suites if isinstance(suite, Writes)]
    if not writing or recipe.objective.rows == "documents":
        who = f"the suite {named}" if named is not None else "no suite of this recipe"
        denied = "does not write" if named is not None else "writes"
        raise UserError(
            f"{who} {denied} answers to rows of the data set, which sampling settings could change.",
            where="--suite" if named is not None else "evaluate.suites",
            do="Name a suite that does: --suite answers, or --suite labels where rows have labels.",
        )
    return writing[0]
