"""Attention over packed examples: each segment attends to itself, and to segments that lead it; nothing is padded.

A segment may be led by others: virtual tokens lead every example, a shared prompt leads both answers of a pair. What
leads is computed once and seen whole. Registered with Transformers' attention interface as `tunewright_packed`; a model
reads the segments from the keyword `segments`, and trained keys and values in place of the first tokens' own from
`prefix`. Shapes: H query heads, K key-value heads, G = H / K, T packed tokens, S segments of a group, L longest of a
group, M keys of a segment (what leads it before its own L), D head width, P virtual tokens.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

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
    `led`: what leads the segments, None where nothing does.
    """

    count: int
    longest: int
    gather: Tensor
    slots: Tensor
    positions: Tensor
    led: Led | None = None

    @property
    def keys(self) -> Tensor:
        """Packed position of each key, int64 [S * M]."""
        return self.gather if self.led is None else self.led.gather


@dataclass(frozen=True)
class Led:
    """Keys of segments that others lead: first what leads, padded on the left, then the segment's own.

    `gather` int64 [S * M]; `hidden` bool [S, L, M]: keys that a query must not see; `slots` int64 [m]: keys that
    are real, `positions` int64 [m]: where they lie in the pack, one position as often as it leads.
    """

    gather: Tensor
    hidden: Tensor
    slots: Tensor
    positions: Tensor


class Span(NamedTuple):
    """A segment of a pack: where it begins and ends, and the segments that lead it, first one first."""

    start: int
    end: int
    leads: tuple[tuple[int, int], ...] = ()

    @property
    def led_by(self) -> int:
        """Tokens that lead it."""
        return sum(end - start for start, end in self.leads)


@dataclass(frozen=True)
class Segments:
    """How a pack is divided. `bounds` int64 [n + 1] on the processor; the groups are derived once a pack."""

    bounds: tuple[int, ...]
    groups: tuple[Group, ...]
    long: tuple[Span, ...]
    longest: int
    """Tokens of the longest segment with what leads it."""

    @property
    def tokens(self) -> int:
        """Tokens in the pack."""
        return self.bounds[-1]


def segments_of(lengths: Sequence[int], *, leads: Sequence[Sequence[int]] = ()) -> Segments:
    """The division of a pack whose segments have these lengths, in order.

    `leads`: for each segment the numbers of earlier ones that lead it, first one first; none where it is left out.
    """
    bounds = (0, *itertools.accumulate(int(length) for length in lengths))
    own = list(itertools.pairwise(bounds))
    spans = [
        Span(*span, tuple(own[lead] for lead in (leads[number] if leads else ()))) for number, span in enumerate(own)
    ]
    long = tuple(span for span in spans if span.end - span.start > LONG_TOKENS)
    short = sorted((span for span in spans if span not in long), key=lambda s: (s.end - s.start, s.led_by, s.start))
    groups = tuple(_group(part) for part in _similar(short))
    return Segments(bounds, groups, long, max(span.end - span.start + span.led_by for span in spans))


def _similar(spans: list[Span]) -> list[list[Span]]:
    """Runs of spans, sorted by length, that waste little when padded to the longest."""
    groups: list[list[Span]] = []
    real = most = 0
    for span in spans:
        length = span.end - span.start
        most = max(most if groups else 0, span.led_by)
        area = length * (length + span.led_by)
        size = len(groups[-1]) + 1 if groups else 1
        padded = size * length * (length + most)
        if groups and padded <= PADDING_SHARE * (real + area) and padded <= GROUP_SCORES:
            groups[-1].append(span)
            real += area
        else:
            groups.append([span])
            real, most = area, span.led_by
    return groups


def _group(spans: list[Span]) -> Group:
    longest = max(span.end - span.start for span in spans)
    starts = torch.tensor([span.start for span in spans])
    lengths = torch.tensor([span.end - span.start for span in spans])
    slot = torch.arange(longest)
    gather = starts[:, None] + torch.minimum(slot[None], lengths[:, None] - 1)
    real = slot[None] < lengths[:, None]
    slots = real.flatten().nonzero().flatten()
    led = _led(spans, gather, real) if any(span.leads for span in spans) else None
    return Group(len(spans), longest, gather.flatten(), slots, gather.flatten()[slots], led)


def _led(spans: list[Span], gather_SL: Tensor, real_SL: Tensor) -> Led:
    """The keys of spans that others lead."""
    most, longest = max(span.led_by for span in spans), gather_SL.shape[1]
    before = torch.zeros(len(spans), most, dtype=torch.long)
    seen = torch.zeros(len(spans), most, dtype=torch.bool)
    for row, span in enumerate(spans):
        if span.leads:
            places = torch.cat([torch.arange(start, end) for start, end in span.leads])
            before[row, most - len(places) :] = places
            seen[row, most - len(places) :] = True
    keys = torch.cat([before, gather_SL], 1)
    future = torch.ones(longest, longest, dtype=torch.bool).triu_(1)
    hidden = torch.cat([~seen[:, None].expand(-1, longest, -1), future.expand(len(spans), -1, -1)], 2)
    slots = torch.cat([seen, real_SL], 1).flatten().nonzero().flatten()
    return Led(keys.flatten(), hidden, slots, keys.flatten()[slots])


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
    prefix: Prefix | None = kwargs.get("prefix")
    window = kwargs.get("sliding_window")
    if dropout or kwargs.get("softcap") is not None or (window is not None and segments.longest > window):
        raise ValueError("packed attention knows no dropout, no soft cap and no window shorter than an example")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if prefix is not None:
        key, value = prefix.put(module, (key, value))
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
    for span in segments.long:
        if span.start > at and short_HTD is not None:
            pieces.append(short_HTD[None, :, at : span.start])
        part = slice(span.start, span.end)
        k, v = (_seen(each, span) for each in (key, value))
        mask = _mask(span, query.device) if span.leads else None
        pieces.append(
            scaled_dot_product_attention(
                query[:, :, part], k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=True
            )
        )
        at = span.end
    if at < segments.tokens and short_HTD is not None:
        pieces.append(short_HTD[None, :, at:])
    return torch.cat(pieces, dim=2)


def _seen(part: Tensor, span: Span) -> Tensor:
    """What leads a span and its own, [1, K, M, D]."""
    pieces = [part[:, :, start:end] for start, end in (*span.leads, (span.start, span.end))]
    return torch.cat(pieces, 2) if len(pieces) > 1 else pieces[0]


def _mask(span: Span, device: torch.device) -> Tensor:
    """True [L, M] for the keys that each query of a led span sees."""
    length = span.end - span.start
    return torch.ones(length, span.led_by + length, dtype=torch.bool, device=device).tril_(span.led_by)


class _Packed(torch.autograd.Function):
    """Grouped causal attention as batched products; scores are computed again in the backward pass, not kept."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, groups: tuple[Group, ...], scale: float) -> Tensor:
        heads, tokens, width = query.shape
        kv_heads = key.shape[0]
        out = query.new_empty(tokens, heads, width)
        for group in groups:
            q, k, v = _gathered(query, key, value, group)
            p = _probabilities(q, k, group, scale)
            out[group.positions] = _slots(torch.bmm(p, v), group, kv_heads)
        ctx.save_for_backward(query, key, value, out)
        ctx.groups, ctx.scale = groups, scale
        return out.transpose(0, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, out = ctx.saved_tensors
        kv_heads = key.shape[0]
        wide = _wide(query.dtype) if any(group.led for group in ctx.groups) else None
        grads = [query.new_zeros(query.shape[1], query.shape[0], query.shape[2])]
        grads += [part.new_zeros(part.shape[1], part.shape[0], part.shape[2], dtype=wide) for part in (key, value)]
        out_HTD = out.transpose(0, 1)
        for group in ctx.groups:
            q, k, v = _gathered(query, key, value, group)
            o, d = (_gather(part, group.gather, group.count, kv_heads) for part in (out_HTD, gradients[0]))
            p = _probabilities(q, k, group, ctx.scale)
            d = d * _real(group, d)
            delta = (d.float() * o.float()).sum(-1, keepdim=True) if d.dtype != torch.float64 else (d * o).sum(-1, True)
            dp = torch.bmm(d, v.transpose(1, 2))
            ds = (p * (dp - delta.to(dp.dtype))).mul_(ctx.scale)
            grads[0][group.positions] = _slots(torch.bmm(ds, k), group, kv_heads)
            for grad, part in (
                (grads[1], torch.bmm(ds.transpose(1, 2), q)),
                (grads[2], torch.bmm(p.transpose(1, 2), d)),
            ):
                _add_keys(grad, part, group, kv_heads)
        return (*(grad.to(query.dtype).transpose(0, 1) for grad in grads), None, None)


def _add_keys(grad_TKD: Tensor, part: Tensor, group: Group, kv_heads: int) -> None:
    """Put a group's gradients [S * K, M, D] where its keys lie; what leads several segments gets the sum."""
    if group.led is None:  # added, since these keys may have led a segment of an earlier group
        grad_TKD[group.positions] += _slots(part, group, kv_heads).to(grad_TKD.dtype)
        return
    flat = part.view(group.count, kv_heads, -1, part.shape[-1]).transpose(1, 2).flatten(0, 1)
    taken = flat.index_select(0, group.led.slots).to(grad_TKD.dtype)
    grad_TKD.index_add_(0, group.led.positions, taken)


def _gathered(query: Tensor, key: Tensor, value: Tensor, group: Group) -> tuple[Tensor, Tensor, Tensor]:
    """Queries [S * K, G * L, D], keys and values [S * K, M, D] of a group."""
    kv_heads = key.shape[0]
    q = _gather(query, group.gather, group.count, kv_heads)
    return q, _gather(key, group.keys, group.count, kv_heads), _gather(value, group.keys, group.count, kv_heads)


def _gather(part_HTD: Tensor, index: Tensor, count: int, kv_heads: int) -> Tensor:
    """Slots of a group as [S * K, G * L, D]: the query heads of one key-value head are stacked, never expanded."""
    heads, _tokens, width = part_HTD.shape
    taken = part_HTD.index_select(1, index).view(kv_heads, heads // kv_heads, count, -1, width)
    return taken.permute(2, 0, 1, 3, 4).reshape(count * kv_heads, -1, width)


def _wide(dtype: torch.dtype) -> torch.dtype:
    return torch.float64 if dtype == torch.float64 else torch.float32


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


def _probabilities(q: Tensor, k: Tensor, group: Group, scale: float) -> Tensor:
    """Causal softmax of the scores [S * K, G * L, M], computed in float32 at least."""
    scores = torch.bmm(q, k.transpose(1, 2)).to(_wide(q.dtype)).mul_(scale)
    rows, queries, keys = scores.shape
    if group.led is None:
        hidden = torch.ones(group.longest, keys, dtype=torch.bool, device=q.device).triu_(1)
        scores.view(rows, -1, group.longest, keys).masked_fill_(hidden, -torch.inf)
    else:
        hidden = group.led.hidden[:, None, None]
        scores.view(group.count, rows // group.count, -1, group.longest, keys).masked_fill_(hidden, -torch.inf)
    return scores.softmax(-1).to(q.dtype).view(rows, queries, keys)


class Prefix(Protocol):
    """Trained keys and values that stand in place of those of the first tokens of a pack."""

    def put(self, module: torch.nn.Module, heads: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Keys and values [1, K, T, D] of a layer's attention, those of the virtual tokens put in."""
        ...

    def layers(self, dtype: torch.dtype) -> list[tuple[Tensor, Tensor]]:
        """Keys and values [1, K, P, D] of each layer, as a cache holds them."""
        ...


def use_packed_attention(model: Any) -> None:
    """Switch a Transformers model to packed attention; its passes then need `segments`."""
    AttentionInterface.register(NAME, packed_attention)
    model.set_attn_implementation(NAME)
