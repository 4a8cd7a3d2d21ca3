"""Random starts of weights that train: each from a seed and its own name, so that no other weight changes them."""

from __future__ import annotations

import math

import torch
from torch import nn

from tunewright.core import digest


def draw_uniform(parameter: nn.Parameter, name: str, *, seed: int) -> None:
    """Fill a matrix [out, in] with numbers uniform in +-1/sqrt(in): `kaiming_uniform` with a = sqrt 5, PEFT's start."""
    draw_within(parameter, name, seed=seed, bound=1 / math.sqrt(parameter.shape[1]))


def draw_within(parameter: nn.Parameter, name: str, *, seed: int, bound: float) -> None:
    """Fill a parameter of any shape with numbers uniform in +-`bound`."""
    drawn = torch.rand(parameter.shape, generator=generator_of(name, seed=seed), dtype=torch.float32)
    with torch.no_grad():
        parameter.copy_(drawn * (2 * bound) - bound)


def draw_normal(parameter: nn.Parameter, name: str, *, seed: int) -> None:
    """Fill a parameter with numbers of mean 0 and standard deviation 1."""
    with torch.no_grad():
        parameter.copy_(torch.randn(parameter.shape, generator=generator_of(name, seed=seed), dtype=torch.float32))


def generator_of(name: str, *, seed: int) -> torch.Generator:
    """Random numbers of a seed for one name."""
    return torch.Generator().manual_seed(int(digest.of_json([seed, name])[:15], 16))
