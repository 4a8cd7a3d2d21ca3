"""The vocabulary projection where there is a label only, in chunks, with its gradient in the same pass.

Shapes: N labelled positions, C width, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

CHUNK = 256
"""Positions a chunk: 256 x 49,152 scores are 25 MB in bf16, small enough to stay near the cores."""


class HeadSums(NamedTuple):
    """Sums over labelled positions: `loss` differentiable, weighted; `right` the weight of arg-max hits."""

    loss: Tensor
    right: float


def head_sums(hidden_NC: Tensor, head_VC: Tensor, *, labels_N: Tensor, weights_N: Tensor) -> HeadSums:
    """Weighted sum of a linear head's cross-entropies, in nats, and the weight of positions it gets right.

    Gradients flow to `hidden_NC`, and to `head_VC` when it trains. Products in the type of the head, softmax in
    float32 at least.
    """
    loss, right = _ChunkedLoss.apply(hidden_NC, head_VC, labels_N, weights_N)
    return HeadSums(loss, float(right))


class _ChunkedLoss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, labels: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
        wide = torch.float64 if head.dtype == torch.float64 else torch.float32
        loss = torch.zeros((), dtype=torch.float64, device=hidden.device)
        right = torch.zeros((), dtype=torch.float64, device=hidden.device)
        needs_hidden, needs_head = ctx.needs_input_grad[0], ctx.needs_input_grad[1]
        grad_hidden = torch.empty_like(hidden) if needs_hidden else None
        grad_head = torch.zeros_like(head, dtype=wide) if needs_head else None
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            h, y, w = hidden[part], labels[part], weights[part].to(wide)
            scores = (h @ head.T).to(wide)
            right += (w * (scores.argmax(-1) == y)).sum()
            log_z = scores.logsumexp(-1)
            loss += (w * (log_z - scores.gather(1, y[:, None]).squeeze(1))).sum()
            if needs_hidden or needs_head:
                d = scores.sub_(log_z[:, None]).exp_()
                d.scatter_add_(1, y[:, None], torch.full_like(y[:, None], -1, dtype=wide))
                d = d.mul_(w[:, None]).to(head.dtype)
                if grad_hidden is not None:
                    grad_hidden[part] = d @ head
                if grad_head is not None:
                    grad_head += d.T @ h
        ctx.save_for_backward(*(g for g in (grad_hidden, grad_head) if g is not None))
        ctx.mark_non_differentiable(right)
        ctx.head_dtype = head.dtype
        return loss.to(wide), right

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        saved = list(ctx.saved_tensors)
        scale = gradients[0]
        assert scale is not None, "the loss is the first output and always has a gradient"
        grad_hidden = (saved.pop(0) * scale).to(ctx.head_dtype) if ctx.needs_input_grad[0] else None
        grad_head = (saved.pop(0) * scale).to(ctx.head_dtype) if ctx.needs_input_grad[1] else None
        return grad_hidden, grad_head, None, None
