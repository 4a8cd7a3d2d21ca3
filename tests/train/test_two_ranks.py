"""Two processes train one model: equal to one process but for rounding, equal to themselves after a break."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.train.runs import history, losses, project_in
from tunewright.app import flow
from tunewright.app.project import Project
from tunewright.core.events import CheckpointSaved, Note, StepDone, silent
from tunewright.core.nouns import Run
from tunewright.models.tensors import read_weights
from tunewright.train.world import MEETING, RANK, SIZE

CHILD = """
import os, sys
from pathlib import Path
from tunewright.app import flow, training
from tunewright.app.project import open_project
from tunewright.core.events import StepDone
def emit(event):
    if isinstance(event, StepDone) and str(event.step) == sys.argv[3]:
        os.kill(os.getpid(), 9)
project = open_project(Path(sys.argv[1]), home=Path(sys.argv[2]), sets=sys.argv[4:])
print(flow.train(project, emit).name if training.rank() == 0 else flow.assist(project))
"""


def together(recipe: Path, home: str, *sets: str, die_at: int | None = None, meeting: Path) -> list[int]:
    """Train with two processes; the first kills itself at a step when asked. Returns the exit codes."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(recipe), str(recipe.parent / home), str(die_at), *sets],
            env={**os.environ, RANK: str(rank), SIZE: "2", MEETING: f"file://{meeting}", "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in (0, 1)
    ]
    said = [child.communicate(timeout=240)[0] for child in children]
    codes = [child.returncode for child in children]
    assert die_at is not None or codes == [0, 0], said
    return codes


def trained(recipe: Path, home: str, *sets: str) -> tuple[Project, Run]:
    """The run that lies in a workspace, as the stage knows it."""
    project = project_in(recipe, home, *sets)
    return project, flow.train(project, silent)


def weights(project: Project, run: Run) -> dict[str, torch.Tensor]:
    return read_weights(project.workspace.models / run.name)


@pytest.mark.parametrize("method", ["method={type: lora, rank: 4, dropout: 0.2}", "method=full"])
def test_two_ranks_are_one_rank_but_for_rounding(recipe: Path, tmp_path: Path, method: str) -> None:
    flow.prepare(project_in(recipe, "two", method), silent)
    together(recipe, "two", method, meeting=tmp_path / "meeting")
    two, both = trained(recipe, "two", method)
    one, alone = trained(recipe, "one", method)
    assert both.used["processes"] == 2
    assert alone.used["processes"] == 1
    assert both.key == alone.key
    assert losses(two, both) == pytest.approx(losses(one, alone), rel=1e-4)
    assert both.validation_loss == pytest.approx(alone.validation_loss or 0, rel=1e-4)
    for name, tensor in weights(one, alone).items():
        torch.testing.assert_close(weights(two, both)[name], tensor, rtol=1e-3, atol=2e-4)
    assert [event.tokens for event in history(two, both) if isinstance(event, StepDone)] == [
        event.tokens for event in history(one, alone) if isinstance(event, StepDone)
    ]


def test_two_ranks_that_were_killed_go_on_to_the_same_bits(recipe: Path, tmp_path: Path) -> None:
    for home in ("whole", "broken"):
        flow.prepare(project_in(recipe, home), silent)
    together(recipe, "whole", meeting=tmp_path / "whole-meeting")
    for step in (2, 7, 8):
        codes = together(recipe, "broken", die_at=step, meeting=tmp_path / f"meeting-{step}")
        assert codes[0] == -9
        assert codes[1] != 0
    together(recipe, "broken", meeting=tmp_path / "meeting-last")
    (whole, first), (broken, second) = trained(recipe, "whole"), trained(recipe, "broken")
    assert first.name == second.name
    assert losses(whole, first) == losses(broken, second)


def test_what_two_ranks_began_one_rank_ends(recipe: Path, tmp_path: Path) -> None:
    flow.prepare(project_in(recipe, "home"), silent)
    together(recipe, "home", die_at=8, meeting=tmp_path / "meeting")
    seen: list[object] = []
    project = project_in(recipe, "home")
    run = flow.train(project, seen.append)
    notes = [event.text for event in seen if isinstance(event, Note)]
    assert any("began with 2 processes and goes on with 1" in text for text in notes)
    assert run.steps == 12
    one, alone = trained(recipe, "one")
    assert losses(project, run) == pytest.approx(losses(one, alone), rel=1e-4)
    assert [event.step for event in history(project, run) if isinstance(event, CheckpointSaved)][-1] == 12
