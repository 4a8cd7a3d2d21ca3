"""Attention over packed examples: each attends to itself only, nothing is padded in the rest of the model.

Registered with Transformers' attention interface as `tunewright_packed`; a model reads the segments from the keyword
`segments`. Shapes: H query heads, K key-value heads, G = H / K, T packed tokens, S segments of a group, L longest of
a group, D head width.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface

NAME = "tunewright_packed"
LONG_TOKENS = 1024
"""From here on a segment goes to the library's kernel alone: the products below would hold L x L scores."""
PADDING_SHARE = 1.25
"""Segments share a group while the padded area of the scores stays below this multiple of the real one."""
GROUP_SCORES = 1 << 22
"""Most scores of one head in a group: 8 MiB in bf16, what fits a processor's cache times a few."""


@dataclass(frozen=True)
class Group:
    """Segments of similar length that are computed as one batched product.

    `gather` int64 [S * L]: packed position of each slot (padding repeats the segment's last token);
    `slots` int64 [n]: slots that hold a real token, `positions` int64 [n]: where they lie in the pack.
    """

    count: int
    longest: int
    gather: Tensor
    slots: Tensor
    positions: Tensor


@dataclass(frozen=True)
class Segments:
    """How a pack is divided. `bounds` int64 [n + 1] on the processor; the groups are derived once a pack."""

    bounds: tuple[int, ...]
    groups: tuple[Group, ...]
    long: tuple[tuple[int, int], ...]

    @property
    def tokens(self) -> int:
        """Tokens in the pack."""
        return self.bounds[-1]

    @property
    def longest(self) -> int:
        """Tokens of the longest example."""
        return max(end - start for start, end in itertools.pairwise(self.bounds))


def segments_of(lengths: Sequence[int]) -> Segments:
    """The division of a pack whose examples have these lengths, in order."""
    bounds = (0, *itertools.accumulate(int(length) for length in lengths))
    spans = list(itertools.pairwise(bounds))
    long = tuple(span for span in spans if span[1] - span[0] > LONG_TOKENS)
    short = sorted((span for span in spans if span[1] - span[0] <= LONG_TOKENS), key=lambda s: (s[1] - s[0], s[0]))
    return Segments(bounds, tuple(_group(spans) for spans in _similar(short)), long)


def _similar(spans: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Runs of spans, sorted by length, that waste little when padded to the longest."""
    groups: list[list[tuple[int, int]]] = []
    real = 0
    for span in spans:
        area = (span[1] - span[0]) ** 2
        size = len(groups[-1]) + 1 if groups else 1
        if groups and size * area <= PADDING_SHARE * (real + area) and size * area <= GROUP_SCORES:
            groups[-1].append(span)
            real += area
        else:
            groups.append([span])
            real = area
    return groups


def _group(spans: list[tuple[int, int]]) -> Group:
    longest = max(end - start for start, end in spans)
    starts = torch.tensor([start for start, _ in spans])
    lengths = torch.tensor([end - start for start, end in spans])
    slot = torch.arange(longest)
    gather = starts[:, None] + torch.minimum(slot[None], lengths[:, None] - 1)
    real = (slot[None] < lengths[:, None]).flatten()
    slots = real.nonzero().flatten()
    return Group(len(spans), longest, gather.flatten(), slots, gather.flatten()[slots])


def packed_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each segment. query [1, H, T, D], key and value [1, K, T, D]; returns [1, T, H, D].

    The signature is Transformers' own. Raises ValueError for dropout, soft caps and windows: there is no kernel here.
    """
    segments: Segments = kwargs["segments"]
    window = kwargs.get("sliding_window")
    if dropout or kwargs.get("softcap") is not None or (window is not None and segments.longest > window):
        raise ValueError("packed attention knows no dropout, no soft cap and no window shorter than an example")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    query_HTD, key_KTD, value_KTD = query[0], key[0], value[0]
    if not segments.long:
        out_HTD = _Packed.apply(query_HTD, key_KTD, value_KTD, segments.groups, scale)
        return out_HTD.transpose(0, 1)[None], None
    out_HTD = _Packed.apply(query_HTD, key_KTD, value_KTD, segments.groups, scale) if segments.groups else None
    return _with_long(query, key, value, segments, scale, out_HTD).transpose(1, 2), None


def _with_long(
    query: Tensor, key: Tensor, value: Tensor, segments: Segments, scale: float, short_HTD: Tensor | None
) -> Tensor:
    """Join the groups' result with long segments, each through the library's causal kernel. Returns [1, H, T, D]."""
    pieces: list[Tensor] = []
    at = 0
    for start, end in segments.long:
        if start > at and short_HTD is not None:
            pieces.append(short_HTD[None, :, at:start])
        part = slice(start, end)
        pieces.append(
            scaled_dot_product_attention(
                query[:, :, part], key[:, :, part], value[:, :, part], is_causal=True, scale=scale, enable_gqa=True
            )
        )
        at = end
    if at < segments.tokens and short_HTD is not None:
        pieces.append(short_HTD[None, :, at:])
    return torch.cat(pieces, dim=2)


class _Packed(torch.autograd.Function):
    """Grouped causal attention as batched products; scores are computed again in the backward pass, not kept."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, groups: tuple[Group, ...], scale: float) -> Tensor:
        heads, tokens, width = query.shape
        kv_heads = key.shape[0]
        out = query.new_empty(tokens, heads, width)
        for group in groups:
            q, k, v = (_gather(part, group, kv_heads) for part in (query, key, value))
            p = _probabilities(q, k, group.longest, scale)
            out[group.positions] = _slots(torch.bmm(p, v), group, kv_heads)
        ctx.save_for_backward(query, key, value, out)
        ctx.groups, ctx.scale = groups, scale
        return out.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out = ctx.saved_tensors
        kv_heads = key.shape[0]
        grads = [part.new_zeros(part.shape[1], part.shape[0], part.shape[2]) for part in (query, key, value)]
        out_HTD = out.transpose(0, 1)
        for group in ctx.groups:
            q, k, v = (_gather(part, group, kv_heads) for part in (query, key, value))
            o, d = (_gather(part, group, kv_heads) for part in (out_HTD, gradients[0]))
            p = _probabilities(q, k, group.longest, ctx.scale)
            d = d * _real(group, d)
            delta = (d.float() * o.float()).sum(-1, keepdim=True) if d.dtype != torch.float64 else (d * o).sum(-1, True)
            dp = torch.bmm(d, v.transpose(1, 2))
            ds = (p * (dp - delta.to(dp.dtype))).mul_(ctx.scale)
            parts = (torch.bmm(ds, k), torch.bmm(ds.transpose(1, 2), q), torch.bmm(p.transpose(1, 2), d))
            for grad, part in zip(grads, parts, strict=True):
                grad[group.positions] = _slots(part, group, kv_heads)
        return (*(grad.transpose(0, 1) for grad in grads), None, None)


def _gather(part_HTD: Tensor, group: Group, kv_heads: int) -> Tensor:
    """Slots of a group as [S * K, G * L, D]: the query heads of one key-value head are stacked, never expanded."""
    heads, _tokens, width = part_HTD.shape
    taken = part_HTD.index_select(1, group.gather)
    taken = taken.view(kv_heads, heads // kv_heads, group.count, group.longest, width)
    return taken.permute(2, 0, 1, 3, 4).reshape(group.count * kv_heads, heads // kv_heads * group.longest, width)


def _slots(result: Tensor, group: Group, kv_heads: int) -> Tensor:
    """The real slots of a [S * K, G * L, D] result, as [n, H, D]."""
    width = result.shape[-1]
    shaped = result.view(group.count, kv_heads, -1, group.longest, width)
    flat = shaped.permute(0, 3, 1, 2, 4).reshape(group.count * group.longest, -1, width)
    return flat if len(group.slots) == len(flat) else flat.index_select(0, group.slots)


def _real(group: Group, like: Tensor) -> Tensor:
    """1 for real slots, 0 for padding, as [S * K, G * L, 1]: padding must not reach keys and values."""
    mask = like.new_zeros(group.count * group.longest)
    mask[group.slots] = 1
    kv_times_g = like.shape[0] * like.shape[1] // mask.numel()
    kv_heads = like.shape[0] // group.count
    shaped = mask.view(group.count, 1, 1, group.longest).expand(-1, kv_heads, kv_times_g // kv_heads, -1)
    return shaped.reshape(like.shape[0], like.shape[1], 1)


def _probabilities(q: Tensor, k: Tensor, longest: int, scale: float) -> Tensor:
    """Causal softmax of the scores [S * K, G * L, L], computed in float32 at least."""
    scores = torch.bmm(q, k.transpose(1, 2))
    wide = torch.float64 if scores.dtype == torch.float64 else torch.float32
    future = torch.ones(longest, longest, dtype=torch.bool, device=q.device).triu_(1)
    scores = scores.view(scores.shape[0], -1, longest, longest).to(wide).mul_(scale).masked_fill_(future, -torch.inf)
    return scores.softmax(-1).to(q.dtype).view(q.shape[0], -1, longest)


def use_packed_attention(model: Any) -> None:
    """Switch a Transformers model to packed attention; its passes then need `segments`."""
    AttentionInterface.register(NAME, packed_attention)
    model.set_attn_implementation(NAME)
