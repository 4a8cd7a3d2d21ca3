"""The stage `evaluate`: which models answer, what is measured, and whether the gates of the recipe are met."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tunewright.app import archives, resolve, rewards
from tunewright.app.loaded import Base, Loaded, models_of
from tunewright.app.project import Place, Project
from tunewright.app.stage import Stage
from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.events import Emit, silent
from tunewright.core.language_model import HeadedModel
from tunewright.core.nouns import DatasetVersion, Evaluation, Run, Verdict
from tunewright.core.ports import Row
from tunewright.core.workspace import Workspace
from tunewright.data.dataset import open_dataset
from tunewright.evaluate import gates
from tunewright.evaluate.bench import Data, check_rows
from tunewright.evaluate.evaluate import Models, Task, evaluate
from tunewright.evaluate.respondents import Local, Watch
from tunewright.evaluate.store import read_answers, write_verdict
from tunewright.evaluate.suite import Bench, NotMeasured, Reading, scorers_of
from tunewright.recipe.recipe import EvaluateOptions
from tunewright.stats.power import needed_rows, smallest_effect

EVALUATION_VERSION = 8


@dataclass(frozen=True)
class Asking:
    """What is asked of whom: a judged model, what it is held against, and rows where suites need them.

    `judged` is the name under which the result is filed. `folder` is what paths of suites are relative to.
    """

    options: EvaluateOptions
    suites: Sequence[Any]
    models: Models
    judged: str
    data: Data | None
    folder: Path
    workspace: Workspace
    examples: int = 10

    @property
    def room(self) -> Bench:
        """What suites find here beside rows and models."""
        return room_of(self.folder, self.workspace)

    @property
    def key(self) -> str:
        """What decides whether this was done before."""
        room = self.room
        files = [suite.inputs(room) for suite in self.suites if isinstance(suite, Reading)]
        metrics = [[[way, scorers_of(suite, way)] for way in suite.ways] for suite in self.suites]
        suites = [suite.options.model_dump(mode="json") for suite in self.suites]
        asked = [self.options.model_dump(mode="json"), suites, metrics]
        who = [self.models.base.identity, self.models.tuned.identity if self.models.tuned else None]
        rows = [self.data.version.name, self.data.chat.digest, self.data.version.labels] if self.data else []
        read = rewards.names(self.options.scorers, folder=self.folder, workspace=self.workspace)
        return digest.of_json([EVALUATION_VERSION, asked, who, rows, files, self.examples, read])


def room_of(folder: Path, workspace: Workspace) -> Bench:
    """What suites find beside rows and models, where their paths are relative to `folder`."""
    return Bench(
        folder=folder,
        archive=archives.finder(workspace),
        harness=resolve.harness,
        data_parts=resolve.data_parts,
    )


def measure(asking: Asking, place: Place | Project, *, emit: Emit) -> Evaluation:
    """Do an evaluation, or take its record when nothing has changed."""
    key = asking.key
    folder = asking.workspace.evaluations / key

    def work() -> Evaluation:
        scorers = resolve.scorers(asking.suites, asking.options.scorers)
        rewards.bind(scorers.values(), folder=asking.folder, workspace=asking.workspace, emit=emit)
        task = Task(
            options=asking.options,
            data=asking.data,
            model=asking.judged,
            key=key,
            folder=folder,
            made_at=place.now(),
            clock=place.clock,
            scorers=scorers,
            examples=asking.examples,
            sheets=asking.workspace.evaluations / "sheets",
            room=asking.room,
        )
        return evaluate(asking.suites, asking.models, task=task, emit=emit)

    def exists(_: Evaluation) -> bool:
        return (folder / "evaluation.json").exists()

    return Stage("evaluations", key, Evaluation, work, exists).done(place, emit)


def of_run(project: Project, run: Run, *, base: Base, version: DatasetVersion, emit: Emit) -> Asking:
    """A run's model beside its base, on the run's own data set. Raises UserError for a gate that nothing can meet."""
    recipe = project.recipe
    suites = resolve.suites(recipe, labels=version.labels)
    check_gates(recipe.gates, suites, options=recipe.evaluate)
    models = RunModels(project, run, base, emit)
    return Asking(
        options=recipe.evaluate,
        suites=suites,
        models=Models(models.respondent("base"), models.respondent("tuned")),
        judged=run.name,
        data=Data(open_dataset(project.workspace, version), version, base.chat),
        folder=project.folder,
        workspace=project.workspace,
        examples=recipe.output.examples,
    )


def measured_rows(project: Project, *, tell: Callable[[str], None]) -> Callable[[], Mapping[str, list[Row]]]:
    """What gives the rows of the recipe's suites that bring their own, by suite; read when first asked for.

    `tell` gets a sentence of each suite whose rows cannot be had here.
    """
    found: dict[str, list[Row]] = {}

    def rows() -> Mapping[str, list[Row]]:
        if not found:
            room = room_of(project.folder, project.workspace)
            for suite in resolve.suites(project.recipe, labels=()):
                if suite.own:
                    found[suite.name] = _rows_of(suite, room, tell=tell)
        return found

    return rows


def _rows_of(suite: Any, room: Bench, *, tell: Callable[[str], None]) -> list[Row]:
    try:
        return suite.examples(room).rows()
    except NotMeasured as why:
        tell(f"Training rows are not compared with the suite {suite.name}: {why}.")
        return []


@dataclass(frozen=True)
class RunModels:
    """The two models of a run, loaded together when either is first asked."""

    project: Project
    run: Run
    base: Base
    emit: Emit

    @cached_property
    def loaded(self) -> Loaded:
        """Both models."""
        return models_of(self.project, self.run, base=self.base)

    @cached_property
    def watch(self) -> Watch:
        """One count of answers for both."""
        return Watch(self.emit)

    def respondent(self, role: str) -> Local:
        """The base or the tuned model as suites ask it."""
        numbers = self.run.model.numbers.model_dump(mode="json")
        weights = [self.base.found.digest] if role == "base" else [self.base.found.digest, self.run.name]
        name = self.project.recipe.model.name if role == "base" else f"{self.project.recipe.name} (tuned)"
        return Local(
            name=name,
            chat=self.base.chat,
            open=self._opener(role),
            identity=digest.of_json([weights, numbers, self.base.chat.digest]),
            watch=self.watch,
            context_tokens=self.base.found.context_tokens,
            head=self._head if role == "tuned" and resolve.head(self.project.recipe) is not None else None,
        )

    def _head(self) -> HeadedModel:
        """The tuned model with its head. Raises UserError where it has none."""
        if self.loaded.head is None:
            raise UserError("this model has no head.", where=self.run.name, do="Train it again.")
        return self.loaded.head

    def _opener(self, role: str) -> Callable[[], Any]:
        return lambda: getattr(self.loaded, role)


def check(project: Project, version: DatasetVersion) -> None:
    """Refuse what could not be measured once the model is trained, which takes long.

    Raises UserError for a split without rows, a file of a suite or a reward model that is not there, and a gate that
    nothing can meet.
    """
    check_rows(project.recipe.evaluate, version)
    suites = resolve.suites(project.recipe, labels=version.labels)
    check_gates(project.recipe.gates, suites, options=project.recipe.evaluate)
    given = project.recipe.evaluate.scorers
    found = resolve.scorers(suites, given).values()
    rewards.bind(found, folder=project.folder, workspace=project.workspace, emit=silent)
    room = room_of(project.folder, project.workspace)
    for suite in suites:
        if isinstance(suite, Reading):
            suite.inputs(room)


def measured_names(suites: Sequence[Any], *, options: EvaluateOptions) -> dict[str, set[str]]:
    """What a gate may name, a suite, a way or the split, with the metrics that are measured there."""
    known: dict[str, set[str]] = {}
    for suite in suites:
        for way in suite.ways:
            metrics = set(scorers_of(suite, way))
            for place in (way, suite.name, *(() if suite.own else (options.split,))):
                known.setdefault(place, set()).update(metrics)
        if suite.predicts_labels and len(suite.ways) > 1:
            known[f"{suite.name}_best"] = set(suite.scorers)
    return known


def check_suites(suites: Sequence[Any]) -> None:
    """Raise UserError for two suites with results of one name: the second would take the place of the first."""
    count = Counter(name for suite in suites for name in dict.fromkeys((suite.name, *suite.ways)))
    twice = [name for name, times in count.items() if times > 1]
    if twice:
        raise UserError(
            f'two suites have results called "{twice[0]}".',
            where="evaluate.suites",
            do="Name a suite once; test files need names that differ.",
        )


def check_gates(asked: Sequence[Any], suites: Sequence[Any], *, options: EvaluateOptions) -> None:
    """Raise UserError for a gate on something that no suite measures; before anything is trained."""
    check_suites(suites)
    known = measured_names(suites, options=options)
    for number, gate in enumerate(asked):
        if gate.suite not in known:
            raise UserError(
                f'a gate names "{gate.suite}", and nothing of that name is measured.',
                where=f"gates.{number}.suite",
                do=f"Add the suite to evaluate.suites, or name one of: {', '.join(sorted(known))}.",
            )
        _check_metric(gate.metric, where=f"gates.{number}.metric")
        if gate.metric not in known[gate.suite]:
            raise UserError(
                f'a gate names the metric "{gate.metric}", which {gate.suite} does not have.',
                where=f"gates.{number}.metric",
                do=f"It has: {', '.join(sorted(known[gate.suite]))}.",
            )


def _check_metric(name: str, *, where: str) -> None:
    try:
        resolve.scorer(name)
    except UserError as error:
        raise UserError(error.problems[0].what, where=where, do=error.problems[0].do) from error


def judge(project: Project, evaluation: Evaluation) -> Verdict:
    """Whether an evaluation meets the recipe's gates; written beside its answers. Nothing is asked of a model."""
    folder = project.workspace.evaluations / evaluation.key
    asked = project.recipe.gates
    given = project.recipe.evaluate.scorers
    scorers = {name: resolve.scorer(name, given) for name in sorted({gate.metric for gate in asked})}
    rewards.bind(scorers.values(), folder=project.folder, workspace=project.workspace, emit=silent)
    verdict = gates.decide(
        asked,
        evaluation,
        answers=read_answers(folder) if asked else (),
        scorers=scorers,
        key=digest.of_json([evaluation.name, [gate.model_dump(mode="json") for gate in asked]]),
    )
    write_verdict(folder, verdict)
    return verdict


def what_can_be_seen(project: Project, version: DatasetVersion) -> str:
    """Said before training: which gain the measured rows are able to show, and how many a smaller one would take."""
    options = project.recipe.evaluate
    rows = min(version.receipt.splits.get(options.split, 0), options.max_rows or sys.maxsize)
    shown = smallest_effect(rows)
    half = needed_rows(shown / 2) if shown < 1 else needed_rows(0.5)
    return (
        f"{rows:,} {options.split} rows show a gain of {100 * shown:.1f} points in answers that are right or wrong "
        f"(80 % power, 95 % confidence, a fifth of the answers changing); half of that would take {half:,} rows."
    )
