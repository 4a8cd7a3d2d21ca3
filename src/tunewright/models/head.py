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


class TokenScores(NamedTuple):
    """Of each labelled position: log-probability of its token [N], differentiable, and whether it was the arg-max."""

    log_probabilities: Tensor
    right: Tensor


def token_scores(hidden_NC: Tensor, head_VC: Tensor, *, labels_N: Tensor) -> TokenScores:
    """Log-probability of one token a position under a linear head, in nats, float32 at least.

    Gradients flow to `hidden_NC`, and to `head_VC` when it trains; for that the scores are computed a second time.
    """
    return TokenScores(*_ChunkedScores.apply(hidden_NC, head_VC, labels_N))


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


class _ChunkedScores(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        wide = torch.float64 if head.dtype == torch.float64 else torch.float32
        found = torch.empty(len(labels), dtype=wide, device=hidden.device)
        right = torch.empty(len(labels), dtype=torch.bool, device=hidden.device)
        slope = torch.empty_like(hidden) if ctx.needs_input_grad[0] else None
        for start in range(0, len(labels), CHUNK):
            part = slice(start, start + CHUNK)
            y = labels[part]
            scores = (hidden[part] @ head.T).to(wide)
            right[part] = scores.argmax(-1) == y
            log_z = scores.logsumexp(-1)
            found[part] = scores.gather(1, y[:, None]).squeeze(1) - log_z
            if slope is not None:
                slope[part] = _slope(scores, log_z, y).to(head.dtype) @ head
        ctx.save_for_backward(*((slope,) if slope is not None else ()), hidden, head, labels)
        ctx.mark_non_differentiable(right)
        return found, right

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved, scale = list(ctx.saved_tensors), gradients[0]
        grad_hidden = None
        if ctx.needs_input_grad[0]:
            slope = saved.pop(0)
            grad_hidden = slope * scale[:, None].to(slope.dtype)
        return grad_hidden, _head_gradient(scale, *saved) if ctx.needs_input_grad[1] else None, None


def _head_gradient(scale_N: Tensor, hidden: Tensor, head: Tensor, labels: Tensor) -> Tensor:
    grad = torch.zeros_like(head, dtype=scale_N.dtype)
    for start in range(0, len(labels), CHUNK):
        part = slice(start, start + CHUNK)
        scores = (hidden[part] @ head.T).to(scale_N.dtype)
        d = _slope(scores, scores.logsumexp(-1), labels[part]) * scale_N[part, None]
        grad += (d.to(head.dtype).T @ hidden[part]).to(scale_N.dtype)
    return grad.to(head.dtype)


def _slope(scores_NV: Tensor, log_z_N: Tensor, labels_N: Tensor) -> Tensor:
    """Derivative of each log-probability by the scores; `scores_NV` is used up."""
    d = scores_NV.sub_(log_z_N[:, None]).exp_().neg_()
    return d.scatter_add_(1, labels_N[:, None], torch.ones_like(labels_N[:, None], dtype=d.dtype))
