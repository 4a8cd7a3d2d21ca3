"""Products over 8-bit weights: each weight an integer, a scale a row (Dettmers et al., 2022, arXiv 2208.07339).

The library's own pass over them depends on the mode: in eval it quantises activations too, and computes in 16 bits
those columns in which any token of the pack is large, so that examples change one another (docs/lab.md). Here
activations stay as they are: a token sees nothing of its neighbours, and validation computes what training does.
Shapes: O rows of W, I columns.
"""

from __future__ import annotations

from functools import partial
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import linear

LARGEST = 127
"""The integer of the largest weight of a row."""


def compute_whole(layer: Any) -> None:
    """Let one of bitsandbytes' 8-bit layers compute with whole activations, in training and in use."""
    layer.forward = partial(_forward, layer)


def weight_of(layer: Any, dtype: torch.dtype) -> Tensor:
    """The weight [O, I] of one of bitsandbytes' 8-bit layers as products see it."""
    return _weight(layer.weight.detach(), layer.weight.SCB, dtype)


def _forward(layer: Any, x: Tensor) -> Tensor:
    return cast("Tensor", _Product.apply(x, layer.bias, layer.weight, layer.weight.SCB))


def _weight(integers_OI: Tensor, scales_O: Tensor, dtype: torch.dtype) -> Tensor:
    return integers_OI.to(dtype).mul_(scales_O[:, None].mul(1 / LARGEST))


class _Product(torch.autograd.Function):
    """x W^T + b; W is made from its integers again for the backward pass, so that nothing of its size is kept."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias_O: Tensor | None, integers_OI: Tensor, scales_O: Tensor) -> Tensor:
        ctx.save_for_backward(integers_OI, scales_O)
        weight_OI = _weight(integers_OI.detach(), scales_O, x.dtype)
        return linear(x, weight_OI, None if bias_O is None else bias_O.to(x.dtype))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = gradients
        integers_OI, scales_O = ctx.saved_tensors
        to_x, to_bias, _, _ = ctx.needs_input_grad
        return (
            gradient @ _weight(integers_OI.detach(), scales_O, gradient.dtype) if to_x else None,
            gradient.flatten(0, -2).sum(0) if to_bias else None,
            None,
            None,
        )
