"""The Python API: the verbs of the command line as typed functions, usable from a notebook.

    from tunewright import api

    project = api.open_project("my-task", sets=["training.max_steps=20"])
    run = api.train(project)
    evaluation = api.evaluate(project)

Functions return the nouns of `tunewright`, raise its errors, and print nothing; pass `emit` to watch events.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.app import (
    comparing,
    comparing_methods,
    data_report,
    evaluating,
    flow,
    openlineage,
    retained,
    reviewing,
    sampling,
    talk,
)
from tunewright.app import datasets as _datasets
from tunewright.app.comparing import TwoRuns
from tunewright.app.comparing_methods import Asked as MethodsAsked
from tunewright.app.comparing_methods import ComparedMethods
from tunewright.app.datasets import Seen, Shelf, Shown
from tunewright.app.flow import Outcome
from tunewright.app.lineage import Traced
from tunewright.app.project import Place, Project
from tunewright.app.project import open_project as _open_project
from tunewright.app.talk import Talk
from tunewright.core.events import Emit, silent
from tunewright.core.nouns import DatasetVersion, Evaluation, Run, SamplingSearch, Verdict
from tunewright.core.workspace import Workspace
from tunewright.data import checklist
from tunewright.data.checklist import Finding
from tunewright.data.dataset import Dataset
from tunewright.data.dataset import open_dataset as _open_dataset
from tunewright.data.diff import Difference
from tunewright.data.retention import Tombstone
from tunewright.data.review.decisions import Decision, Decisions
from tunewright.data.review.queue import Draw, Order
from tunewright.data.review.session import Review
from tunewright.data.review.summary import Summary

__all__ = [
    "ComparedMethods",
    "MethodsAsked",
    "Outcome",
    "Project",
    "Talk",
    "TwoRuns",
    "check_data",
    "compare",
    "compare_methods",
    "datasets",
    "diff_datasets",
    "evaluate",
    "expire_datasets",
    "export_openlineage",
    "find_text",
    "gates",
    "open_dataset",
    "open_project",
    "open_review",
    "open_talk",
    "prepare",
    "review_decisions",
    "review_summary",
    "run",
    "show_dataset",
    "trace_row",
    "train",
    "tune_sampling",
    "write_data_report",
]


def open_project(path: str | Path, *, sets: Sequence[str] = (), home: str | Path | None = None) -> Project:
    """A project from a recipe file or its folder; `sets` override keys ("training.epochs=2").

    Raises UserError with every mistake of the recipe.
    """
    return _open_project(Path(path), sets=sets, home=Path(home) if home is not None else None)


def prepare(project: Project, *, emit: Emit = silent) -> DatasetVersion:
    """Prepare the data and return its version, with the receipt."""
    return flow.prepare(project, emit)


def open_dataset(project: Project, version: DatasetVersion) -> Dataset:
    """The rows of a version, as text, tokens and loss weights.

    Raises UserError when its terms (`data.retention`) do not allow it today.
    """
    retained.check(project, version.name)
    return _open_dataset(project.workspace, version)


def check_data(project: Project, version: DatasetVersion) -> list[Finding]:
    """What the quality checklist (`data.rules`) found in prepared data; nothing where nobody has looked."""
    return checklist.read(project.workspace.datasets / version.name)


def write_data_report(project: Project, version: DatasetVersion, *, path: str | Path | None = None) -> Path:
    """Write the report on prepared data, an HTML file with Markdown and JSON beside it; returns it.

    `path`: None puts it into the data set's folder. Raises UserError where another file would be overwritten, and when
    the terms of the data set (`data.retention`) do not allow its use today.
    """
    retained.check(project, version.name)
    place = Path(path) if path is not None else None
    if place is not None:
        data_report.check(place)
    return data_report.write(project, version, path=place)


def open_review(
    project: Project,
    *,
    split: str = "train",
    sample: int = 100,
    seed: int = 0,
    order: Order = "random",
    emit: Emit = silent,
) -> Review:
    """Rows that wait for people's decisions, new or gone on with; the data are prepared without the step `review`.

    `state(name)` has a rater's next row, `decide(name, row=..., given={"verdict", "rating", "answer"})` keeps what they
    say in the recipe's review file and returns the next. `sample` and `order` as `tunewright review` has them. The page
    of that command is not served: two programs must not review with one file at the same time.
    """
    version = reviewing.prepare(project, emit)
    return reviewing.open_review(project, version, asked=reviewing.Asked(split, Draw(sample, seed, order)))


def review_decisions(project: Project) -> dict[str, list[Decision]]:
    """The decisions that stand, by the id that their row had before any step, the earliest first; no skips."""
    return Decisions(reviewing.file_of(project)).by_row()


def review_summary(project: Project) -> Summary:
    """What decisions so far amount to: counts, average rating, and how far raters agree beyond chance."""
    return reviewing.summary(project)[0]


def train(project: Project, *, emit: Emit = silent) -> Run:
    """Train, or go on where a run stopped."""
    return flow.train(project, emit)


def evaluate(project: Project, *, emit: Emit = silent) -> Evaluation:
    """Measure the tuned model beside its base."""
    return flow.evaluate(project, emit)


def gates(project: Project, evaluation: Evaluation) -> Verdict:
    """Whether an evaluation meets the gates of the recipe; no model is asked."""
    return evaluating.judge(project, evaluation)


def tune_sampling(
    target: str | Path,
    *,
    metric: str | None = None,
    rows: int = 64,
    samples: int = 2,
    home: str | Path | None = None,
    emit: Emit = silent,
) -> SamplingSearch:
    """Search temperature, top-p and repetition penalty for a trained model, and check the winner on test rows.

    `rows`: validation rows that are searched on; `samples`: answers a row where answers are drawn.
    """
    asked = sampling.Asked(metric, None, rows, samples)
    place = Path(home) if home is not None else None
    return sampling.of_target(str(target), asked, sets=(), home=place, emit=emit)[0]


def compare(run_a: str | Path, run_b: str | Path, *, metrics: Sequence[str] = ()) -> TwoRuns:
    """Two evaluated runs side by side, from their stored answers; no model is loaded."""
    return comparing.compare(comparing.Asked((Path(run_a), Path(run_b)), tuple(metrics)))


def compare_methods(asked: MethodsAsked, *, emit: Emit = silent) -> ComparedMethods:
    """Train and measure several methods over several base models under one budget; the table, and the page of it.

    Each is trained in a process of its own. Nothing is trained twice, and what fails is a row with its reason:

        api.compare_methods(api.MethodsAsked(Path("recipe.yaml"), methods=("lora", "bottleneck", "full"), steps=100))
    """
    return comparing_methods.compare_methods(asked, emit)


def run(project: Project, *, emit: Emit = silent) -> Outcome:
    """All stages and the report; what did not change is skipped."""
    return flow.run(project, emit)


def open_talk(project: Project, *, emit: Emit = silent) -> Talk:
    """The newest trained model of a project, ready to answer."""
    return talk.open_talk(project, emit)


def datasets(home: Project | str | Path) -> Shelf:
    """Every data set of a workspace, the newest first, with the runs on it. `home`: its folder, or a project."""
    return _datasets.shelf(_place(home).workspace)


def show_dataset(home: Project | str | Path, name: str) -> Shown:
    """One data set in full, by the first characters of its name or the name of its recipe."""
    return _datasets.show(_place(home).workspace, name)


def diff_datasets(home: Project | str | Path, *, a: str, b: str, examples: int = 5) -> Difference:
    """Rows added, removed and changed from data set `a` to `b`, and their numbers side by side."""
    return _datasets.diff(_place(home).workspace, a=a, b=b, examples=examples)


def trace_row(home: Project | str | Path, row: str, *, names: Sequence[str] = ()) -> list[Traced]:
    """The way of a row, an id or `file:line`, through data sets (all, or those named) to the runs that met it."""
    return _datasets.trace(_place(home).workspace, row, names=names)


def find_text(home: Project | str | Path, text: str, *, names: Sequence[str] = (), limit: int = 20) -> Seen:
    """Which data sets hold a text, and which runs and models saw it; at most `limit` rows of each are listed."""
    return _datasets.find(_place(home).workspace, text, names=names, limit=limit)


def export_openlineage(home: Project | str | Path, file: str | Path) -> int:
    """Write OpenLineage events of every preparation and run as JSON Lines; returns how many."""
    return openlineage.export(_place(home).workspace, Path(file))


def expire_datasets(home: Project | str | Path, *, names: Sequence[str] = ()) -> list[Tombstone]:
    """Delete the data sets (all, or those named) whose last day is over; returns what is left of each."""
    return _datasets.expire(_place(home), names=names)


def _place(home: Project | str | Path) -> Place:
    """Where a workspace lies, and the clock that goes with it."""
    if isinstance(home, Project):
        return Place(home.workspace, home.clock)
    return Place(Workspace(Path(home).expanduser().resolve()))
