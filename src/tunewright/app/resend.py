"""The verb `track`: which run is meant, which trackers it has now, and what they are owed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.app import resolve
from tunewright.app.delivery import Delivered
from tunewright.app.project import Project, is_recipe, open_project
from tunewright.app.tracking import deliver, run_to_track, stored_run
from tunewright.core.errors import UserError
from tunewright.core.events import Emit
from tunewright.core.nouns import Run
from tunewright.core.ports import TrackedRun
from tunewright.recipe.recipe import Recipe


def resend(
    path: Path, *, sets: Sequence[str] = (), home: Path | None = None, emit: Emit
) -> tuple[TrackedRun, list[Delivered]]:
    """Deliver what the trackers of a recipe's newest run, or of a run's folder, are owed.

    Raises UserError when there is no run, no tracker, or when the run is going on.
    """
    if is_recipe(path):
        project = open_project(path, sets=sets, home=home)
        recipe, run = project.recipe, _newest(project)
    else:
        run = stored_run(path.resolve())
        recipe = Recipe.model_validate(run.options)
    trackers = resolve.trackers(recipe)
    if not trackers:
        raise UserError(
            "the recipe names no tracker.", where="output.trackers", do="Add one, such as: trackers: [tensorboard]"
        )
    return run, deliver(trackers, run, emit=emit)


def _newest(project: Project) -> TrackedRun:
    """The newest finished run of this recipe file, with the trackers that the recipe names now."""
    for run in project.workspace.records("runs", Run):
        if run.recipe_file == str(project.file):
            return run_to_track(
                project.recipe, key=run.key, workspace=project.workspace, used=run.used, dataset=run.dataset
            )
    raise UserError(
        "no run of this recipe has ended yet.",
        where=str(project.file),
        do="Train it, or give the folder of a run that was stopped.",
    )
