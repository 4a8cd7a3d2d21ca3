"""The divergence from a teacher: against torch's own KL where nothing is left out, and bounded by it where it is."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.functional import kl_div

from tests.train.runs import history, losses, project_in
from tunewright.app import flow
from tunewright.core.errors import UserError
from tunewright.core.events import Event
from tunewright.models import divergence as module
from tunewright.models.divergence import divergence, likeliest

WIDTH, VOCABULARY, POSITIONS = 12, 40, 9


def drawn(seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states, the student's head and the teacher's."""
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(POSITIONS, WIDTH, generator=generator, dtype=torch.float64, requires_grad=True),
        torch.randn(VOCABULARY, WIDTH, generator=generator, dtype=torch.float64, requires_grad=True),
        torch.randn(VOCABULARY, WIDTH, generator=generator, dtype=torch.float64),
    )


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_with_every_token_known_it_is_torchs_divergence(
    direction: Any, temperature: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All tokens but one are listed, so that the last is the rest; chunks of 4 of 9 positions."""
    monkeypatch.setattr(module, "CHUNK", 4)
    hidden, head, teacher = drawn(3)
    with torch.no_grad():
        known = likeliest(hidden, teacher, count=VOCABULARY - 1, temperature=temperature)
    found = divergence(hidden, head, teacher=known, temperature=temperature, direction=direction)
    ours = (hidden @ head.T / temperature).log_softmax(-1)
    theirs = (hidden.detach() @ teacher.T / temperature).log_softmax(-1)
    one, other = (ours, theirs) if direction == "forward" else (theirs, ours)
    wanted = kl_div(one, other, reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-8)
    slope = torch.linspace(-1, 2, POSITIONS, dtype=torch.float64)
    gradients = torch.autograd.grad((found * slope).sum(), (hidden, head))
    for gradient, expected in zip(gradients, torch.autograd.grad((wanted * slope).sum(), (hidden, head)), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-7)


def test_of_fewer_tokens_it_is_less() -> None:
    """One more outcome for the rest loses information, never invents any."""
    hidden, head, teacher = drawn(5)
    found: list[np.ndarray[Any, np.dtype[np.float64]]] = []
    for count in (1, 4, 16, VOCABULARY - 1):
        known = likeliest(hidden.detach(), teacher, count=count, temperature=1.0)
        found.append(divergence(hidden, head, teacher=known, temperature=1.0, direction="forward").detach().numpy())
    assert all((more - less).min() >= -1e-9 for less, more in pairwise(found))
    assert found[0].min() >= -1e-9


def silent(event: Event) -> None:
    del event


def test_a_model_that_teaches_itself_has_nothing_to_learn_at_first(recipe: Path) -> None:
    """The first step's divergence is nothing; with the tokens' own cross-entropy the loss falls from there."""
    project = project_in(recipe, "home", "objective.type=distillation", "objective.likelihood=1")
    run = flow.train(project, silent)
    alone = project_in(recipe, "home", "objective.type=distillation")
    assert abs(losses(alone, flow.train(alone, silent))[0]) < 1e-6
    found = losses(project, run)
    assert found[-1] < found[0]


def test_a_teacher_is_followed(recipe: Path, tiny_model_folder: Path, tmp_path: Path) -> None:
    """The teacher is the tiny model after twelve steps on its own labels: the student's divergence from it falls."""
    taught = project_in(recipe, "home", "method.type=full", "training.learning_rate=3e-3")
    teacher = taught.workspace.models / flow.train(taught, silent).name
    project = project_in(recipe, "home", "objective.type=distillation", f"objective.teacher={teacher}")
    run = flow.train(project, silent)
    validated = [event.metrics["divergence"] for event in history(project, run) if event.kind == "validated"]
    assert validated[-1] < 0.7 * validated[0]
    again = project_in(recipe, "other", "objective.type=distillation", f"objective.teacher={teacher}")
    assert losses(again, flow.train(again, silent)) == losses(project, run)
    assert list((project.workspace.cache / "reference").glob("*.safetensors"))


def test_a_teacher_with_other_tokens_is_refused(recipe: Path, tiny_model_folder: Path, smollm2: Any) -> None:
    project = project_in(recipe, "home", "objective.type=distillation", f"objective.teacher={smollm2.path}")
    with pytest.raises(UserError, match="the teacher knows other tokens"):
        flow.train(project, silent)
    missing = project_in(recipe, "home", "objective.type=distillation", "objective.teacher=./nowhere")
    with pytest.raises(UserError, match=r"objective\.teacher"):
        flow.train(missing, silent)
