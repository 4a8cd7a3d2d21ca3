"""Dropout whose masks depend on the example and the layer alone, so that splitting a batch differently changes nothing.

Shapes: T packed tokens, C width.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tunewright.core import digest

CLOCK = "tunewright_dropout_clock"


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
        width = x.shape[-1]
        mask = torch.empty(self.clock.bounds[-1], width, dtype=torch.float32)
        for (start, end), seed in zip(pairwise(self.clock.bounds), self.clock.seeds, strict=True):
            generator = torch.Generator().manual_seed(_mixed(seed, self.layer))
            torch.rand(end - start, width, generator=generator, out=mask[start:end])
        keep = (mask >= self.p).to(x.dtype).div_(1 - self.p).to(x.device)
        return x * keep.view(x.shape)


def _mixed(seed: int, layer: int) -> int:
    """32 bits of both: torch's generator on a processor reads no more of a seed."""
    return int(digest.of_json([seed, layer])[:8], 16)


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
