"""What every verb starts from: a recipe, the folder that its paths are relative to, and a workspace."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from tunewright.core import digest
from tunewright.core.errors import UserError
from tunewright.core.nouns import Run
from tunewright.core.workspace import FOLDER, Workspace
from tunewright.recipe.load import load_recipe
from tunewright.recipe.recipe import Recipe

HOME_VARIABLE = "TUNEWRIGHT_HOME"
RECIPE_FILE = "recipe.yaml"


class Timed:
    """What has a clock, which gives seconds since 1970."""

    clock: Callable[[], float]

    def now(self) -> str:
        """The present moment in UTC, as ISO 8601."""
        return datetime.fromtimestamp(self.clock(), UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Place(Timed):
    """A workspace and the time. `clock` gives seconds since 1970."""

    workspace: Workspace
    clock: Callable[[], float] = time.time


@dataclass(frozen=True)
class Project(Timed):
    """A recipe where it stands. `clock` gives seconds since 1970; `opened_s` is when this object was made."""

    recipe: Recipe
    file: Path
    workspace: Workspace
    clock: Callable[[], float] = time.time
    opened_s: float = field(default_factory=time.time, compare=False)

    @property
    def folder(self) -> Path:
        """What the recipe's paths are relative to."""
        return self.file.parent

    def with_copies_as_they_are(self) -> Project:
        """The same, for which no copy of a remote source is too old: another process has just looked at them."""
        return replace(self, opened_s=1.0)


def open_project(path: Path, *, sets: Sequence[str] = (), home: Path | None = None) -> Project:
    """A project from a recipe file or a folder that holds `recipe.yaml`.

    The workspace is `home`, else the recipe's `output.workspace`, else TUNEWRIGHT_HOME, else `.tunewright` beside the
    recipe. Raises UserError with every mistake of the recipe.
    """
    file = (path / RECIPE_FILE if path.is_dir() else path).resolve()
    recipe = load_recipe(file, sets=sets)
    return Project(recipe, file, Workspace(home.expanduser().resolve() if home else _home(recipe, file.parent)))


def _home(recipe: Recipe, folder: Path) -> Path:
    if recipe.output.workspace:
        return (folder / Path(recipe.output.workspace).expanduser()).resolve()
    if os.environ.get(HOME_VARIABLE):
        return Path(os.environ[HOME_VARIABLE]).resolve()
    return folder / FOLDER


def open_run(target: Path, *, home: Path | None = None) -> tuple[Project, Run]:
    """The project of a run's folder (`runs/<key>`) or of a model's (`models/<name>`), with the Run.

    Raises UserError when the folder is neither.
    """
    folder = target.resolve()
    workspace = Workspace(home.expanduser().resolve() if home else folder.parent.parent)
    runs = [run for run in workspace.records("runs", Run) if folder.name in (digest.short(run.key), run.name)]
    if not runs:
        raise UserError(
            "this is no recipe, run or model of ours.",
            where=str(target),
            do="Give a recipe file, its folder, or a folder below runs/ or models/ of a workspace.",
        )
    run = runs[0]
    return Project(Recipe.model_validate(run.recipe), Path(run.recipe_file), workspace), run


def is_recipe(path: Path) -> bool:
    """True for a recipe file or a folder that holds one."""
    return path.suffix in (".yaml", ".yml") or (path / RECIPE_FILE).exists() or not path.exists()
