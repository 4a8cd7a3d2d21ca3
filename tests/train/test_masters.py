"""Float32 masters: gradients of bf16 weights are summed in float32, small updates are not lost."""

from __future__ import annotations

import torch
from torch import nn

from tunewright.train.masters import Masters


def test_gradients_of_micro_batches_are_summed_in_float32() -> None:
    weight = nn.Parameter(torch.ones(4, 4, dtype=torch.bfloat16))
    masters = Masters({"w": weight})
    generator = torch.Generator().manual_seed(1)
    wanted = torch.zeros(4, 4)
    for _ in range(50):
        factor = torch.randn(4, 4, generator=generator).to(torch.bfloat16)
        (weight * factor).sum().backward()
        wanted += factor.float()
    gradient = masters.weights["w"].grad
    assert gradient is not None and gradient.dtype == torch.float32
    torch.testing.assert_close(gradient, wanted, rtol=0, atol=1e-6)
    assert weight.grad is None, "the model's own gradient is freed at once"


def test_a_weight_used_twice_has_both_gradients_once() -> None:
    weight = nn.Parameter(torch.ones(3, dtype=torch.bfloat16))
    masters = Masters({"w": weight})
    (weight * 2 + weight * 3).sum().backward()
    gradient = masters.weights["w"].grad
    assert gradient is not None and gradient.tolist() == [5.0, 5.0, 5.0]


def test_updates_too_small_for_bf16_add_up() -> None:
    weight = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
    masters = Masters({"w": weight})
    for _ in range(100):
        with torch.no_grad():
            masters.weights["w"].add_(1e-4)
        masters.publish()
    assert float(weight) > 1.0
    assert abs(float(masters.weights["w"]) - 1.01) < 1e-5


def test_float32_weights_are_their_own_masters() -> None:
    weight = nn.Parameter(torch.ones(2))
    masters = Masters({"w": weight})
    assert masters.weights["w"] is weight
    (weight * 3).sum().backward()
    assert float(masters.gradient_norm()) == torch.tensor([3.0, 3.0]).norm()
    masters.clip(masters.gradient_norm(), limit=1.0)
    assert abs(float(masters.gradient_norm()) - 1.0) < 1e-5
    masters.clear()
    assert weight.grad is None


def test_saved_weights_reach_the_model() -> None:
    weight = nn.Parameter(torch.zeros(2, dtype=torch.bfloat16))
    masters = Masters({"w": weight})
    masters.load({"w": torch.tensor([1.5, 0.1])})
    assert weight.tolist() == torch.tensor([1.5, 0.1]).to(torch.bfloat16).tolist()
    assert masters.weights["w"].tolist() == torch.tensor([1.5, 0.1]).tolist()
