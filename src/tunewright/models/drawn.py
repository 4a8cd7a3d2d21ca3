"""Random starts of matrices that train: each from a seed and its own name, so that no other weight changes them."""

from __future__ import annotations

import math

import torch
from torch import nn

from tunewright.core import digest


def draw_uniform(parameter: nn.Parameter, name: str, *, seed: int) -> None:
    """Fill a matrix [out, in] with numbers uniform in +-1/sqrt(in): `kaiming_uniform` with a = sqrt 5, PEFT's start."""
    generator = torch.Generator().manual_seed(int(digest.of_json([seed, name])[:15], 16))
    bound = 1 / math.sqrt(parameter.shape[1])
    drawn = torch.rand(parameter.shape, generator=generator, dtype=torch.float32) * (2 * bound) - bound
    with torch.no_grad():
        parameter.copy_(drawn)
