"""Which evaluation is meant: that of a recipe, a run or a model, or a folder below `evaluations/`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tunewright.app.project import Timed, is_recipe, open_project, open_run
from tunewright.core.errors import UserError
from tunewright.core.nouns import Evaluation, Run
from tunewright.core.workspace import Workspace
from tunewright.evaluate.store import ANSWERS, RECORD


@dataclass(frozen=True)
class Found(Timed):
    """An evaluation where it lies. `clock` gives seconds since 1970."""

    folder: Path
    evaluation: Evaluation
    workspace: Workspace
    clock: Callable[[], float] = time.time


def find_evaluation(path: Path, *, home: Path | None = None) -> Found:
    """The evaluation of a folder below `evaluations/`; of a recipe, a run or a model, its newest.

    Raises UserError when there is none.
    """
    if is_evaluation(path):
        return open_evaluation(path, home=home)
    workspace, runs = runs_of(path, home=home)
    return newest_evaluation(workspace, runs, where=path)


def is_evaluation(path: Path) -> bool:
    """True for a folder that holds answers, or the record of an evaluation."""
    return (path / ANSWERS).exists() or (path / RECORD).exists()


def runs_of(path: Path, *, home: Path | None = None) -> tuple[Workspace, list[Run]]:
    """The workspace and the finished runs, newest first, of a recipe; or the one run of its folder or its model's.

    Raises UserError for anything else.
    """
    if not is_recipe(path):
        project, run = open_run(path, home=home)
        return project.workspace, [run]
    project = open_project(path, home=home)
    runs = [run for run in project.workspace.records("runs", Run) if run.recipe_file == str(project.file)]
    return project.workspace, runs


def newest_evaluation(workspace: Workspace, runs: Sequence[Run], *, where: Path) -> Found:
    """The newest evaluation of any of these runs. Raises UserError with the command that makes one."""
    names = {run.name for run in runs}
    for evaluation in workspace.records("evaluations", Evaluation):
        folder = workspace.evaluations / evaluation.key
        if evaluation.model in names and folder.is_dir():
            return Found(folder, evaluation, workspace)
    raise UserError("this was not evaluated yet.", where=str(where), do=f"Run: tunewright evaluate {where}")


def open_evaluation(path: Path, *, home: Path | None = None) -> Found:
    """The evaluation that lies in a folder. Raises UserError when its record is gone or damaged."""
    folder = path.resolve()
    workspace = Workspace(home.expanduser().resolve() if home else folder.parent.parent)
    try:
        text = (folder / RECORD).read_text(encoding="utf-8")
        return Found(folder, Evaluation.model_validate_json(text), workspace)
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise UserError(
            "the record of this evaluation is gone or damaged.",
            where=str(folder / RECORD),
            do="Run evaluate again.",
        ) from error
