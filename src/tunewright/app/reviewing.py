"""People who review rows: the page is served on this machine until they are done; decisions lie beside the recipe."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tunewright.app import flow
from tunewright.app.local_page import Address, serve_page
from tunewright.app.project import Project
from tunewright.app.review_page.page import make_app
from tunewright.core import digest
from tunewright.core.events import Emit
from tunewright.core.nouns import DatasetVersion
from tunewright.core.workspace import lock, outside_errors
from tunewright.data.dataset import open_dataset
from tunewright.data.review.decisions import Decisions
from tunewright.data.review.queue import Draw
from tunewright.data.review.session import Review
from tunewright.data.review.summary import Summary, summarise
from tunewright.recipe.options.steps.review import Options


class Asked(NamedTuple):
    """What is reviewed: a split, and which of its rows."""

    split: str
    draw: Draw


class Desk(NamedTuple):
    """Where a page is served: the port, and how many raters end it when they are done."""

    port: int
    raters: int


def file_of(project: Project) -> Path:
    """Where the decisions of a recipe lie: as its step `review` says, else `review.jsonl` beside it."""
    options = next((step for step in project.recipe.data.steps if isinstance(step, Options)), Options())
    return project.folder / Path(options.file).expanduser()


def carries_out(project: Project) -> bool:
    """True when the recipe has the step that makes decisions count."""
    return any(isinstance(step, Options) for step in project.recipe.data.steps)


def prepare(project: Project, emit: Emit) -> DatasetVersion:
    """The data that people review: those of the recipe without its step `review`.

    So a restart shows the same rows, whatever was decided about them, and a second person sees what the first saw.
    """
    data = project.recipe.data
    steps = tuple(step for step in data.steps if not isinstance(step, Options))
    recipe = project.recipe.model_copy(update={"data": data.model_copy(update={"steps": steps})})
    return flow.prepare(replace(project, recipe=recipe), emit)


def open_review(project: Project, version: DatasetVersion, *, asked: Asked) -> Review:
    """The review of a split, new or gone on with."""
    file = file_of(project)
    return Review(
        open_dataset(project.workspace, version),
        asked.split,
        draw=asked.draw,
        decisions=Decisions(file),
        token=_token(_place(project, file).with_suffix(".token")),
        clock=project.now,
    )


def serve(
    project: Project, version: DatasetVersion, *, asked: Asked, desk: Desk, ready: Callable[[str], None]
) -> Review:
    """Serve the page until so many raters said that they are done, or Ctrl-C; returns the review.

    Raises UserError while another process serves a review with the same file, and OutsideError when the port is taken.
    """
    with lock(_place(project, file_of(project)).with_suffix(".lock"), purpose="review"):
        review = open_review(project, version, asked=asked)
        if review.finished() < desk.raters:
            serve_page(
                lambda end: make_app(review, finished=lambda: end() if review.finished() >= desk.raters else None),
                Address(review.token, desk.port),
                ready=ready,
            )
    return review


def summary(project: Project) -> tuple[Summary, Path]:
    """What the decisions so far amount to, and their file."""
    file = file_of(project)
    return summarise(Decisions(file)), file


def _place(project: Project, file: Path) -> Path:
    """A name of this review's own below the workspace."""
    return project.workspace.home / "scratch" / f"review-{digest.short(digest.of_json(str(file)))}.x"


def _token(path: Path) -> str:
    """The secret part of the page's address, kept in a file that only its owner may read, so that a page goes on."""
    with outside_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(24))
        return path.read_text(encoding="utf-8").strip()
