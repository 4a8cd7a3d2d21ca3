"""The stage `train`: what a run is made from, what is measured before, and the ranks that share the work."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tunewright.app import resolve
from tunewright.app.loaded import Base
from tunewright.app.project import Project
from tunewright.app.teacher import Teacher, teacher_of
from tunewright.app.tracking import run_to_track, tracked
from tunewright.core.events import Emit, Note
from tunewright.core.nouns import DatasetVersion, Run
from tunewright.core.ports import Encoded, HasOutputs
from tunewright.data.dataset import open_dataset
from tunewright.models.heads import WithHead
from tunewright.models.over import OverAdapter
from tunewright.models.start import start_digest, start_folder
from tunewright.train.inputs import TrainInputs
from tunewright.train.measure import measure, measuring_key, stored
from tunewright.train.parts import TrainParts
from tunewright.train.set_up import set_up
from tunewright.train.settings import Settings, asks_for_measuring, effective, resolve_settings, run_key
from tunewright.train.targets import outputs_of
from tunewright.train.train import train as train_model
from tunewright.train.world import ALONE, World, joined, standing_of

LARGE_PASS = 1 << 20
"""Stands for the size of a pass while it is measured."""


@dataclass(frozen=True)
class Training:
    """A run before it begins: what it is made from, and the parts that make it."""

    inputs: TrainInputs
    parts: TrainParts

    @property
    def key(self) -> str:
        """The run's key."""
        return self.inputs.key


def rank() -> int:
    """Which of the processes that train together this one is."""
    return standing_of(os.environ).rank


def plan(
    project: Project, version: DatasetVersion, *, base: Base, general: DatasetVersion | None = None, emit: Emit
) -> Training:
    """Resolve everything that is `auto`, measuring where that is asked for, and name the run."""
    recipe, parts = project.recipe, _parts(project, version, base=base)
    schedule = recipe.training.schedule
    if parts.optimiser.schedule == "constant" and schedule != "auto" and schedule.type != "constant":
        emit(Note(text=f"{recipe.training.optimiser.type} needs no falling rate; training.schedule: auto is constant."))
    asked = recipe.model.start_from
    start = start_folder(asked, folder=project.folder, workspace=project.workspace) if asked else None
    teacher = teacher_of(project, base=base, example=_first(project, version), emit=emit)
    ground = Ground(project, version, base, start, teacher, general)
    measured = None
    if asks_for_measuring(recipe):
        draft = resolve_settings(recipe, parts, dataset=version, measured_tokens=LARGE_PASS)
        measured = _measured(ground.inputs(draft), parts, project, emit)
    settings = resolve_settings(recipe, parts, dataset=version, measured_tokens=measured)
    return Training(ground.inputs(settings), parts)


def _first(project: Project, version: DatasetVersion) -> Callable[[], Encoded]:
    """The first training example, when it is asked for."""
    return lambda: open_dataset(project.workspace, version).split("train").encoded(0)


def _parts(project: Project, version: DatasetVersion, *, base: Base) -> TrainParts:
    """The parts of a recipe; where the objective has a head, the method trains it, too; an adapter may lie under it."""
    parts = resolve.train_parts(project.recipe)
    if base.under is not None:
        parts = parts._replace(method=OverAdapter(parts.method, base.under))
    if not isinstance(parts.objective, HasOutputs):
        return parts
    train = open_dataset(project.workspace, version).split("train")
    outputs = outputs_of(parts.objective, train)
    return parts._replace(method=WithHead(parts.method, outputs))


@dataclass(frozen=True)
class Ground:
    """What a run stands on, before its settings are known."""

    project: Project
    version: DatasetVersion
    base: Base
    start: Path | None
    teacher: Teacher | None
    general: DatasetVersion | None

    def inputs(self, settings: Settings) -> TrainInputs:
        """What a run with these settings is made from."""
        project, teacher = self.project, self.teacher
        key = run_key(
            project.recipe,
            settings,
            dataset=self.version,
            base_digest=self.base.found.digest,
            more={
                "start": start_digest(self.start) if self.start else "",
                "teacher": teacher.found.digest if teacher else "",
                "general": self.general.name if self.general else "",
            },
        )
        return TrainInputs(
            recipe=project.recipe,
            recipe_file=str(project.file),
            dataset=open_dataset(project.workspace, self.version),
            version=self.version,
            base=self.base.found,
            chat=self.base.chat,
            settings=settings,
            key=key,
            clock=project.clock,
            made_at=project.now(),
            cache=project.workspace.cache,
            start=self.start,
            general=open_dataset(project.workspace, self.general) if self.general else None,
            teacher=teacher.open if teacher else None,
            teacher_digest=teacher.found.digest if teacher else "",
        )


def _measured(inputs: TrainInputs, parts: TrainParts, project: Project, emit: Emit) -> int:
    """Tokens of a pass on this machine, measured once for this base, method and data set."""
    recipe = inputs.recipe
    key = measuring_key(
        {
            "base": inputs.base.digest,
            "dataset": inputs.version.name,
            "method": recipe.method.model_dump(mode="json"),
            "objective": recipe.objective.model_dump(mode="json"),
            "numbers": inputs.settings.numbers.model_dump(mode="json"),
            "device": inputs.settings.device,
            "recompute": effective(recipe.training)["recompute"],
        }
    )
    found = stored(project.workspace, key)
    if found is None:
        bench = set_up(inputs, parts, world=ALONE)
        found = measure(bench, parts, workspace=project.workspace, key=key, emit=emit)
    return found.tokens


def carry_out(training: Training, project: Project, *, emit: Emit) -> Run:
    """Train, alone or as the first of several ranks; trackers see the numbers."""
    inputs = training.inputs
    shown = run_to_track(
        project.recipe,
        key=training.key,
        workspace=project.workspace,
        used=inputs.settings.used(),
        dataset=inputs.version.name,
    )
    trackers = resolve.trackers(project.recipe)
    with tracked(trackers, shown, emit=emit) as tell, joined(os.environ, device=inputs.settings.device) as world:
        run = _train(training, project, emit=tell, world=world)
    assert run is not None, "the first rank makes the record"
    return run


def assist(training: Training, project: Project, *, emit: Emit) -> None:
    """Be one of the other ranks: compute a share of every step, write nothing."""
    with joined(os.environ, device=training.inputs.settings.device) as world:
        _train(training, project, emit=emit, world=world)


def _train(training: Training, project: Project, *, emit: Emit, world: World) -> Run | None:
    return train_model(training.inputs, training.parts, workspace=project.workspace, emit=emit, world=world)
