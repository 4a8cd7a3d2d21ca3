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

from tunewright.app import comparing, evaluating, flow, sampling, talk
from tunewright.app.comparing import TwoRuns
from tunewright.app.flow import Outcome
from tunewright.app.project import Project
from tunewright.app.project import open_project as _open_project
from tunewright.app.talk import Talk
from tunewright.core.events import Emit, silent
from tunewright.core.nouns import DatasetVersion, Evaluation, Run, SamplingSearch, Verdict
from tunewright.data.dataset import Dataset
from tunewright.data.dataset import open_dataset as _open_dataset

__all__ = [
    "Outcome",
    "Project",
    "Talk",
    "TwoRuns",
    "compare",
    "evaluate",
    "gates",
    "open_dataset",
    "open_project",
    "open_talk",
    "prepare",
    "run",
    "train",
    "tune_sampling",
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
    """The rows of a version, as text, tokens and loss weights."""
    return _open_dataset(project.workspace, version)


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


def run(project: Project, *, emit: Emit = silent) -> Outcome:
    """All stages and the report; what did not change is skipped."""
    return flow.run(project, emit)


def open_talk(project: Project, *, emit: Emit = silent) -> Talk:
    """The newest trained model of a project, ready to answer."""
    return talk.open_talk(project, emit)
