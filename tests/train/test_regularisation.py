"""What holds weights near their start: penalties against autograd, Fisher information against one pass a row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.models.test_forward import examples_of, tiny
from tests.train.runs import Crash, crash_at, losses, project_in
from tunewright.app import flow
from tunewright.core.errors import UserError
from tunewright.core.events import Event
from tunewright.models.forward import pack, packed_loss, prepare_for_packing
from tunewright.models.methods.lora import Work as Lora
from tunewright.models.tensors import read_weights
from tunewright.recipe.options.methods.lora import Options
from tunewright.train.anchor import Anchor, fisher
from tunewright.train.masters import Masters


def silent(event: Event) -> None:
    del event


def test_the_penalty_is_its_formula_and_its_gradient() -> None:
    """Equation 3 of Kirkpatrick et al. with L2 beside it, by autograd in float64; gradients that are there stay."""
    generator = torch.Generator().manual_seed(4)

    def drawn() -> torch.Tensor:
        return torch.randn(5, 3, generator=generator, dtype=torch.float64)

    weights = {name: nn.Parameter(drawn()) for name in ("one", "two")}
    start, importance = {n: drawn() for n in weights}, {n: drawn().square() for n in weights}
    masters = Masters(weights)
    before = drawn()
    weights["two"].grad = before.clone()
    found = Anchor(start, 0.3, 0.7, importance).add(masters)
    free = {n: w.detach().clone().requires_grad_(True) for n, w in weights.items()}
    parts = [(0.3 + 0.7 * importance[n]) * (free[n] - start[n]).square() for n in free]
    expected = torch.stack([part.sum() for part in parts]).sum() / 2
    expected.backward()
    assert found == pytest.approx(float(expected.detach()), rel=1e-12)
    wanted = {n: w.grad for n, w in free.items()}
    assert wanted["one"] is not None
    assert wanted["two"] is not None
    torch.testing.assert_close(weights["one"].grad, wanted["one"], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(weights["two"].grad, before + wanted["two"], rtol=1e-12, atol=1e-12)


def test_fisher_information_is_the_mean_of_squared_gradients_of_rows(tiny_model_folder: Path) -> None:
    """Rows one by one; the model is left as it was found."""
    rows = examples_of([9, 17, 6], seed=2)
    model = Lora(Options(rank=4)).attach(tiny(tiny_model_folder), seed=1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.fill_(0.02)
    prepare_for_packing(model, rows[0])
    trainable: Any = Lora(Options(rank=4)).trainable(model)
    model.train()
    found = fisher(model, Masters(trainable), rows=rows, emit=silent)
    assert model.training
    expected = {name: torch.zeros_like(parameter) for name, parameter in trainable.items()}
    for row in rows:
        gradients = torch.autograd.grad(packed_loss(model, pack([row])).loss, list(trainable.values()))
        for name, gradient in zip(expected, gradients, strict=True):
            expected[name] += gradient.square() / len(rows)
    assert all(parameter.grad is None for parameter in trainable.values())
    for name, each in expected.items():
        torch.testing.assert_close(found[name].double(), each, rtol=1e-5, atol=1e-9)


def general(recipe: Path) -> Path:
    """Rows of another kind beside the recipe."""
    rows = [{"prompt": f"Say {word}.", "completion": word} for word in ("yes", "no", "five", "leaf", "night", "go")]
    path = recipe.parent / "general.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def moved(project: Any, run: Any) -> float:
    """How far full fine-tuning went from the base, L2."""
    now, was = read_weights(project.workspace.models / run.name), read_weights(Path(project.recipe.model.name))
    return float(sum((now[name].float() - was[name].float()).square().sum() for name in was)) ** 0.5


@pytest.mark.parametrize("held", ["l2_to_start=30", "ewc=3e5"])
def test_what_is_held_moves_less(recipe: Path, held: str) -> None:
    """The same run, free and held: the held one ends nearer the base, and says the penalty in its loss."""
    general(recipe)
    sets = ("method=full", "training.learning_rate=1e-3", "training.regularisation.general_rows=general.jsonl")
    free = project_in(recipe, "home", *sets)
    bound = project_in(recipe, "home", *sets, f"training.regularisation.{held}")
    runs = flow.train(free, silent), flow.train(bound, silent)
    assert runs[0].name != runs[1].name
    assert moved(bound, runs[1]) < 0.8 * moved(free, runs[0])
    assert losses(bound, runs[1])[0] == losses(free, runs[0])[0]


def test_a_held_run_goes_on_bit_for_bit(recipe: Path) -> None:
    """The start and the Fisher information are what they were, though the process is another."""
    general(recipe)
    sets = ("training.regularisation.ewc=1e4", "training.regularisation.general_rows=general.jsonl")
    whole = project_in(recipe, "whole", *sets)
    wanted = flow.train(whole, silent)
    broken = project_in(recipe, "broken", *sets)
    with pytest.raises(Crash):
        flow.train(broken, crash_at(8))
    found = flow.train(project_in(recipe, "broken", *sets), silent)
    assert found.name == wanted.name
    assert list((broken.workspace.cache / "fisher").glob("*/fisher.safetensors"))


def test_ewc_without_rows_is_refused(recipe: Path) -> None:
    with pytest.raises(UserError, match="ewc needs rows"):
        flow.train(project_in(recipe, "home", "training.regularisation.ewc=1"), silent)


def test_nothing_held_keeps_the_key_of_a_run(recipe: Path) -> None:
    """The block changes nothing where it is not used."""
    plain = flow.train(project_in(recipe, "home"), silent)
    told = flow.train(project_in(recipe, "home", "training.regularisation.fisher_rows=7"), silent)
    assert plain.key == told.key
