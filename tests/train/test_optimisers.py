"""Optimisers against what others wrote: formulas in float64, and the libraries' own classes used plainly."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from bitsandbytes.optim import AdamW8bit
from pydantic import ValidationError
from schedulefree import AdamWScheduleFree
from torch import nn

from tunewright.core import catalog
from tunewright.models.tensors import read_weights, write_weights
from tunewright.train.checkpoints import join_state, split_state

SHAPES = {"a": (64, 96), "b": (96, 64), "bias": (64,)}
EVERY = catalog.names("optimisers")


def parameters(seed: int = 0) -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return {name: nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in SHAPES.items()}


def gradients(step: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1000 + step)
    return {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}


def built(name: str, weights: dict[str, nn.Parameter], *, rates: dict[str, float] | None = None, **given: Any) -> Any:
    options = catalog.options("optimisers", name)(**given)
    return catalog.work("optimisers", name)(options).build(weights, learning_rate=0.01, rates=rates or {})


def run(optimiser: Any, weights: dict[str, nn.Parameter], steps: range, *, rate: float = 0.01) -> None:
    for step in steps:
        for name, gradient in gradients(step).items():
            weights[name].grad = gradient.clone()
        for group in optimiser.param_groups:
            group["lr"] = rate * group.get("factor", 1.0)
        optimiser.step()


@pytest.mark.parametrize("name", EVERY)
def test_a_state_passes_through_files_and_the_next_steps_are_equal(name: str, tmp_path: Path) -> None:
    one, two = parameters(), parameters()
    given = {"smallest_values": 0} if name == "adamw_8bit" else {}
    first, second = (built(name, weights, rates={"b": 4.0}, **given) for weights in (one, two))
    run(first, one, range(3))
    tensors, scalars = split_state(first.state_dict())
    write_weights(tmp_path / "state.safetensors", tensors)
    read = json.loads(json.dumps(scalars))
    with torch.no_grad():
        for key in two:
            two[key].copy_(one[key])
    second.load_state_dict(join_state(read_weights(tmp_path), read))
    for optimiser, weights in ((first, one), (second, two)):
        run(optimiser, weights, range(3, 6))
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("name", EVERY)
def test_rates_multiply_the_rate_of_their_weights_alone(name: str) -> None:
    faster, plain, scaled = parameters(), parameters(), parameters()
    run(built(name, faster, rates={"b": 4.0}), faster, range(1))
    run(built(name, plain), plain, range(1))
    run(built(name, scaled), scaled, range(1), rate=0.04)
    torch.testing.assert_close(faster["a"], plain["a"], rtol=0, atol=0)
    torch.testing.assert_close(faster["b"], scaled["b"], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", EVERY)
def test_vectors_do_not_decay(name: str) -> None:
    decaying, plain = parameters(), parameters()
    run(built(name, decaying, weight_decay=0.5), decaying, range(1))
    run(built(name, plain), plain, range(1))
    assert torch.equal(decaying["bias"], plain["bias"])
    assert not torch.equal(decaying["a"], plain["a"])


def adamw(weight: torch.Tensor, grads: list[torch.Tensor]) -> torch.Tensor:
    """Algorithm 2 of arXiv 1711.05101 with weight decay 0.1."""
    first = second = torch.zeros_like(weight)
    for step, gradient in enumerate(grads, start=1):
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        update = first / (1 - 0.9**step) / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        weight = weight - 0.01 * (update + 0.1 * weight)
    return weight


def lion(weight: torch.Tensor, grads: list[torch.Tensor]) -> torch.Tensor:
    """Program 1 of arXiv 2302.06675 with weight decay 0.1."""
    moment = torch.zeros_like(weight)
    for gradient in grads:
        update = torch.sign(0.9 * moment + 0.1 * gradient)
        weight = weight - 0.01 * (update + 0.1 * weight)
        moment = 0.99 * moment + 0.01 * gradient
    return weight


def adafactor(weight: torch.Tensor, grads: list[torch.Tensor]) -> torch.Tensor:
    """Algorithm 5 of arXiv 1804.04235 with a fixed rate and weight decay 0.1."""
    rows, columns = torch.zeros(weight.shape[0]).double(), torch.zeros(weight.shape[1]).double()
    for step, gradient in enumerate(grads, start=1):
        decay = 1 - step**-0.8
        squares = gradient**2 + 1e-30
        rows = decay * rows + (1 - decay) * squares.mean(1)
        columns = decay * columns + (1 - decay) * squares.mean(0)
        update = gradient / (torch.outer(rows, columns) / rows.mean()).sqrt()
        update = update / max(1.0, float(update.norm() / update.numel() ** 0.5))
        weight = weight - 0.1 * 0.01 * weight - 0.01 * update
    return weight


@pytest.mark.parametrize(
    ("name", "formula"),
    [("adamw", adamw), ("adamw_paged", adamw), ("lion", lion), ("adafactor", adafactor)],
)
def test_steps_follow_the_paper(name: str, formula: Callable[..., torch.Tensor]) -> None:
    weights = parameters(3)
    start = weights["a"].detach().double().clone()
    run(built(name, weights, weight_decay=0.1), weights, range(5))
    wanted = formula(start, [gradients(step)["a"].double() for step in range(5)])
    torch.testing.assert_close(weights["a"].detach().double(), wanted, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "library"),
    [
        ("adamw_8bit", lambda each: AdamW8bit(each, lr=0.01, weight_decay=0.0, min_8bit_size=4096)),
        ("schedule_free", lambda each: AdamWScheduleFree(each, lr=0.01, weight_decay=0.0)),
    ],
)
def test_the_same_as_the_library_used_plainly(name: str, library: Callable[..., Any]) -> None:
    ours, theirs = parameters(5), parameters(5)
    run(built(name, ours), ours, range(6))
    optimiser = library(list(theirs.values()))
    if hasattr(optimiser, "train"):
        optimiser.train()
    run(optimiser, theirs, range(6))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def schedule_free(weight: torch.Tensor, rates: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Algorithm 1 of arXiv 2405.15682: the point that trains and the mean, weighted by the squared highest rate."""
    z = mean = trains = weight
    second, weights_sum, highest = torch.zeros_like(weight), 0.0, 0.0
    for step, rate in enumerate(rates, start=1):
        gradient = gradients(step - 1)["a"].double()
        second = 0.999 * second + 0.001 * gradient**2
        highest = max(highest, rate)
        weights_sum += highest**2
        z = z - rate * gradient / ((second / (1 - 0.999**step)).sqrt() + 1e-8)
        mean = mean + highest**2 / weights_sum * (z - mean)
        trains = 0.1 * z + 0.9 * mean
    return trains, mean


def test_schedule_free_follows_the_paper_through_a_warm_up() -> None:
    weights = parameters(7)
    start = weights["a"].detach().double().clone()
    rates = [0.0025, 0.005, 0.0075, 0.01, 0.01, 0.01]
    optimiser = built("schedule_free", weights)
    for step, rate in enumerate(rates):
        run(optimiser, weights, range(step, step + 1), rate=rate)
    trains, mean = schedule_free(start, rates)
    torch.testing.assert_close(weights["a"].detach().double(), trains, rtol=1e-4, atol=2e-6)
    optimiser.eval()
    torch.testing.assert_close(weights["a"].detach().double(), mean, rtol=1e-4, atol=2e-6)


def test_schedule_free_goes_on_from_what_was_saved_before_the_mean_was_used() -> None:
    one, two = parameters(), parameters()
    first, second = built("schedule_free", one), built("schedule_free", two)
    run(first, one, range(4))
    saved = split_state(deepcopy(first.state_dict()))
    training = {name: weight.detach().clone() for name, weight in one.items()}
    first.eval()
    assert not torch.equal(one["a"], training["a"]), "the mean is another point"
    first.train()
    for weights in (one, two):
        with torch.no_grad():
            for name, weight in weights.items():
                weight.copy_(training[name])
    second.load_state_dict(join_state(saved[0], json.loads(json.dumps(saved[1]))))
    for optimiser, weights in ((first, one), (second, two)):
        run(optimiser, weights, range(4, 7))
        optimiser.eval()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_schedule_free_needs_a_way_back_from_the_mean() -> None:
    with pytest.raises(ValidationError):
        built("schedule_free", parameters(), beta1=0.0)


def test_small_tensors_keep_states_of_32_bits() -> None:
    weights = parameters()
    optimiser = built("adamw_8bit", weights, smallest_values=6144)
    run(optimiser, weights, range(1))
    kinds = {name: optimiser.state[weight]["state1"].dtype for name, weight in weights.items()}
    assert kinds == {"a": torch.uint8, "b": torch.uint8, "bias": torch.float32}
    more = built("adamw_8bit", weights, smallest_values=6145)
    run(more, weights, range(1))
    assert more.state[weights["a"]]["state1"].dtype == torch.float32


def test_eight_bits_stay_near_32() -> None:
    ours, plain = parameters(2), parameters(2)
    start = plain["a"].detach().clone()
    for name, weights in (("adamw_8bit", ours), ("adamw", plain)):
        run(built(name, weights), weights, range(20))
    way, apart = (plain["a"] - start).norm(), (ours["a"] - plain["a"]).norm()
    assert 0 < apart / way < 0.05


def test_lion_asks_for_a_lower_rate_and_others_do_not() -> None:
    factors = {name: catalog.work("optimisers", name).learning_rate_factor for name in EVERY}
    assert 1 / 10 <= factors.pop("lion") <= 1 / 3, "the paper, section 5"
    assert set(factors.values()) == {1.0}


STATES = {
    "adafactor": (0.0, 0.5),
    "adamw": (7.9, 8.1),
    "adamw_8bit": (1.9, 2.2),
    "adamw_paged": (7.9, 8.1),
    "lion": (3.9, 4.1),
    "schedule_free": (7.9, 8.1),
}
"""Bytes of state a weight, from the papers; schedule-free keeps another copy of the weights beside it."""


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("shape", [(512, 512), (16, 576)], ids=["whole", "rank 16"])
def test_states_take_the_memory_that_is_said(name: str, shape: tuple[int, int]) -> None:
    weights = {"w": nn.Parameter(torch.randn(shape))}
    optimiser = built(name, weights)
    weights["w"].grad = torch.randn(shape)
    optimiser.step()
    seen: dict[int, int] = {}
    for value in optimiser.state[weights["w"]].values():
        if isinstance(value, torch.Tensor) and value.numel() > 256:
            seen[value.data_ptr()] = value.nbytes
    least, most = STATES[name]
    state = sum(seen.values()) / weights["w"].numel()
    assert least <= state <= most
    copy = 4 if name == "schedule_free" else 0
    assert state + copy <= catalog.work("optimisers", name).state_bytes * 1.05
