"""Runs in tests: projects, what they told, and how they are broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.app.project import Project, open_project
from tunewright.core import events
from tunewright.core.events import Event, StepDone
from tunewright.core.nouns import Run
from tunewright.train.inputs import run_folder


def project_in(recipe: Path, home: str, *sets: str) -> Project:
    return open_project(recipe, sets=sets, home=recipe.parent / home)


def history(project: Project, run: Run) -> list[Any]:
    return events.standing(events.read(run_folder(project.workspace, run.key) / "events.jsonl"))


def losses(project: Project, run: Run) -> list[float]:
    return [event.loss for event in history(project, run) if isinstance(event, StepDone)]


class Crash(RuntimeError):
    """Stands for the end of the process."""


def crash_at(step: int) -> Any:
    def emit(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == step:
            raise Crash

    return emit
