"""Dropout whose masks depend on the example and the layer alone, so that splitting a batch differently changes nothing.

Shapes: T packed tokens, C width.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tunewright.core import digest

CLOCK = "tunewright_dropout_clock"
LEVELS = 1 << 16
"""Probabilities are kept to 1 in 65,536."""


class DropoutClock:
    """What all dropout layers of one model share: where examples lie in the pack, and a seed for each."""

    def __init__(self) -> None:
        self.bounds: tuple[int, ...] = (0,)
        self.seeds: tuple[int, ...] = ()

    def set(self, bounds: tuple[int, ...], seeds: tuple[int, ...]) -> None:
        """Announce the pack that the next pass computes."""
        self.bounds, self.seeds = bounds, seeds


class SeededDropout(nn.Module):
    """Dropout with probability `p`; the mask of an example comes from (its seed, `layer`) and from nothing else."""

    def __init__(self, p: float, layer: int, clock: DropoutClock) -> None:
        super().__init__()
        self.p = p
        self.layer = layer
        self.clock = clock

    def forward(self, x: Tensor) -> Tensor:
        """x [1, T, C] or [T, C] with some features set to zero and the rest scaled by 1 / (1 - p)."""
        if not self.training or self.p == 0:
            return x
        keep_TC = torch.from_numpy(self.mask(x.shape[-1])).to(x.device)
        return cast("Tensor", _Masked.apply(x, keep_TC.view(x.shape), 1 / (1 - self.p)))

    def mask(self, width: int) -> NDArray[np.bool_]:
        """True [T, C] for what stays, example by example of the pack that was announced."""
        keep_TC = np.empty((self.clock.bounds[-1], width), dtype=np.bool_)
        least = round(self.p * LEVELS)
        for (start, end), seed in zip(pairwise(self.clock.bounds), self.clock.seeds, strict=True):
            drawn = levels((end - start) * width, _mixed(seed, self.layer))
            np.greater_equal(drawn, least, out=keep_TC[start:end].reshape(-1))
        return keep_TC


class _Masked(torch.autograd.Function):
    """x times a mask and a scale; a byte a number is kept for the backward pass."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, keep: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(keep)
        ctx.scale = scale
        return x * keep.to(x.dtype).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (keep,) = ctx.saved_tensors
        return gradients[0] * keep.to(gradients[0].dtype).mul_(ctx.scale), None, None


def levels(count: int, seed: int) -> NDArray[np.uint16]:
    """Uniform 16-bit numbers, four out of each 64 bits of a generator of its own (SFC64, Doty-Humphrey, 2010)."""
    raw = np.random.SFC64(seed).random_raw((count + 3) // 4)
    return raw.astype("<u8", copy=False).view("<u2")[:count]


def _mixed(seed: int, layer: int) -> int:
    """128 bits of both."""
    return int(digest.of_json([seed, layer])[:32], 16)


def clock_of(model: Any) -> DropoutClock | None:
    """The clock that a method hung on a model, or None when nothing drops out."""
    return getattr(model, CLOCK, None)


def silence(model: nn.Module) -> None:
    """Set the library's own dropout to zero: its masks depend on how a batch is split and on global random state."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        if isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", 0.0)  # noqa: B010 - a plain number that torch's types do not know
