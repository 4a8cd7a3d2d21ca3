"""Seconds an optimiser step takes here: a few real steps in a workspace that goes afterwards; measured once, kept."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from pydantic import BaseModel, ConfigDict, ValidationError

from tunewright.app.own_command import carry_out
from tunewright.app.project import Project
from tunewright.core import digest, events
from tunewright.core.errors import OutsideError, UserError
from tunewright.core.events import StepDone
from tunewright.core.workspace import Workspace, write_text
from tunewright.train.measure import measuring_key

STEPS, WARM = 8, 3
"""Steps that are done, and those of them at the start that do not count: the first ones touch new memory."""
UNSEEN = (
    "training.evaluate_every=1000000",
    "training.sample_every=1000000",
    "training.validation_rows=1",
    "training.checkpoint_every=1000000",
    "output.trackers=[]",
)
"""What is not trained is not measured, either."""
FOLDER = "pace"


class Pace(BaseModel):
    """Median seconds of a step on this machine, and how many steps it is the median of."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    step_s: float
    steps: int


def pace_of(project: Project, sets: Sequence[str], *, shown_on: TextIO | None = None) -> Pace:
    """The pace of a recipe with all its overrides `sets`; `project` has them applied.

    The data must be prepared. Raises UserError with what training said where it fails.
    """
    recipe = project.recipe
    facts = {name: getattr(recipe, name).model_dump(mode="json") for name in ("model", "data", "method", "objective")}
    facts["training"] = recipe.training.model_dump(mode="json", exclude={"max_steps", "epochs"})
    key = measuring_key({"steps": STEPS, "warm": WARM, **facts})
    file = project.workspace.cache / FOLDER / f"{digest.short(key)}.json"
    try:
        return Pace.model_validate_json(file.read_text(encoding="utf-8"))
    except (OSError, ValidationError, UnicodeDecodeError):
        found = _measured(project, sets, shown_on=shown_on)
    write_text(file, found.model_dump_json(indent=1) + "\n")
    return found


def _measured(project: Project, sets: Sequence[str], *, shown_on: TextIO | None) -> Pace:
    own = project.workspace
    place = own.cache / FOLDER
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        home = Path(folder)
        (home / "index").mkdir()
        for name in ("cache", "datasets", "index/data"):
            (home / name).symlink_to(own.home / name, target_is_directory=True)
        every = [*sets, f"training.max_steps={STEPS}", *UNSEEN]
        words = ["train", str(project.file), "--home", folder, *(word for each in every for word in ("--set", each))]
        ended = carry_out(words, shown_on=shown_on)
        if ended.error:
            raise UserError(ended.error)
        return _pace(Workspace(home))


def _pace(workspace: Workspace) -> Pace:
    """The pace of the one run of a workspace."""
    files = list(workspace.runs.glob("*/events.jsonl"))
    seen = [each for file in files for each in events.read(file) if isinstance(each, StepDone)]
    counted = [each.seconds for each in seen[WARM:]] or [each.seconds for each in seen]
    if not counted:
        raise OutsideError("no step was measured.", where=str(workspace.runs), do="Name --steps in place of --minutes.")
    return Pace(step_s=statistics.median(counted), steps=len(counted))
