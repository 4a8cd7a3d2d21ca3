"""Attention of one pass: packed rows that see themselves, rows over a cache, and trees of continuations.

Query heads of one key-value head are stacked, so that grouped attention is never expanded. Softmax in float32 at least.
Shapes: H query heads, K key-value heads, G = H / K, T tokens of a pass, S segments of a group, L longest of a group,
P tokens before, D head width, R rows of a shelf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from tunewright.models.llama.forward import Heads
from tunewright.models.llama.kernels import Kernels
from tunewright.models.packed import segments_of

CELLS = 1 << 23
"""Most scores of one product: 32 MB in float32."""
FEW = 2
"""Up to so many rows the library's fused kernel is faster on a processor than batched products (docs/lab.md)."""


@dataclass(frozen=True)
class Block:
    """Segments computed as one batched product over their own keys, all padded to the longest.

    `gather` int64 [S * L]: place in the pass of each slot (padding repeats the last token); `slots` and `places`
    int64 [n]: slots with a real token, and their places in the pass; `hidden` bool
    [S or 1, 1, L, P + L]: True where a slot may not look.
    """

    count: int
    longest: int
    gather: Tensor
    slots: Tensor
    places: Tensor
    hidden: Tensor


def blocks_of(
    lengths: Sequence[int],
    *,
    sees: Sequence[NDArray[np.bool_] | None] | None = None,
    prefix: int = 0,
    window: int | None = None,
    device: torch.device | None = None,
) -> list[Block]:
    """The blocks of segments with these lengths, in the order of the pass.

    `sees`: for a segment that is a tree, which of its tokens each token sees, [T, T]; None: causal. `prefix` tokens
    before are seen by all. `window`: how many tokens back a token sees, itself included.
    """
    found = []
    bounds = np.cumsum([0, *lengths])
    starts = {(int(bounds[at]), int(bounds[at + 1])): at for at in range(len(lengths))}
    segments = segments_of(lengths)
    groups = [_spans(group.gather, group.count, group.longest) for group in segments.groups]
    for spans in [*groups, *([(span.start, span.end)] for span in segments.long)]:
        trees = [sees[starts[span]] if sees else None for span in spans]
        found.append(_block(spans, trees, prefix=prefix, window=window, device=device))
    return found


def _spans(gather: Tensor, count: int, longest: int) -> list[tuple[int, int]]:
    wide = gather.view(count, longest)
    return [(int(row[0]), int(row[-1]) + 1) for row in wide]


def _block(
    spans: Sequence[tuple[int, int]],
    trees: Sequence[NDArray[np.bool_] | None],
    *,
    prefix: int,
    window: int | None,
    device: torch.device | None,
) -> Block:
    longest = max(end - start for start, end in spans)
    slot = np.arange(longest)
    starts = np.array([start for start, _ in spans])
    lengths = np.array([end - start for start, end in spans])
    gather = starts[:, None] + np.minimum(slot[None], lengths[:, None] - 1)
    slots = np.flatnonzero(slot[None] < lengths[:, None])
    places = gather.reshape(-1)[slots]
    hidden = np.zeros(
        (len(spans) if any(tree is not None for tree in trees) else 1, 1, longest, prefix + longest), bool
    )
    hidden[:, :, :, prefix:] = ~np.tri(longest, dtype=bool)
    if window is not None:
        keys = np.arange(prefix + longest)
        hidden |= (slot[:, None] + prefix - keys[None] >= window)[None, None]
    for at, tree in enumerate(trees):
        if tree is not None:
            hidden[at, 0, : len(tree), prefix : prefix + len(tree)] = ~tree
    return Block(
        len(spans),
        longest,
        torch.from_numpy(gather.reshape(-1)).to(device),
        torch.from_numpy(slots).to(device),
        torch.from_numpy(places).to(device),
        torch.from_numpy(hidden).to(device),
    )


def attend_blocks(
    heads: Heads,
    *,
    blocks: Sequence[Block],
    scale: float,
    before: tuple[Tensor, Tensor] | None = None,
    kernels: Kernels | None = None,
) -> Tensor:
    """Each segment over its own tokens and a prefix (`before`: keys and values [K, P, D]). Returns [T, H * D]."""
    outs, places = [], []
    for block in blocks:
        q, k, v = (_gathered(part, block) for part in heads)
        if before is not None:
            k, v = (_led(own, old) for own, old in zip((k, v), before, strict=True))
        seen = _attend_block(Heads(q, k, v), block, scale=scale, kernels=kernels)
        flat = seen.permute(0, 2, 1, 3).flatten(2).flatten(0, 1)
        outs.append(flat if len(block.slots) == len(flat) else flat.index_select(0, block.slots))
        places.append(block.places)
    order = places[0] if len(places) == 1 else torch.cat(places)
    inverse = torch.empty_like(order)
    inverse[order] = torch.arange(len(order), device=order.device)
    return (outs[0] if len(outs) == 1 else torch.cat(outs)).index_select(0, inverse)


def _gathered(part_THD: Tensor, block: Block) -> Tensor:
    """[T, H, D] as [S, H, L, D]."""
    _, heads, width = part_THD.shape
    taken = part_THD.index_select(0, block.gather).view(block.count, block.longest, heads, width)
    return taken.transpose(1, 2)


def _led(own_SKLD: Tensor, before_KPD: Tensor) -> Tensor:
    return torch.cat([before_KPD[None].expand(len(own_SKLD), -1, -1, -1), own_SKLD], 2)


def _attend_block(of: Heads, block: Block, *, scale: float, kernels: Kernels | None) -> Tensor:
    """[S, H, L, D], queries in chunks where all scores at once would take too much memory."""
    count, heads, longest, _ = of.q.shape
    rows = max(1, CELLS // (count * heads * of.k.shape[2]))
    if rows >= longest:
        return attend(of, hidden=block.hidden, scale=scale, kernels=kernels)
    parts = [slice(at, at + rows) for at in range(0, longest, rows)]
    outs = [
        attend(of._replace(q=of.q[:, :, p]), hidden=block.hidden[:, :, p], scale=scale, kernels=kernels) for p in parts
    ]
    return torch.cat(outs, 2)


def attend(of: Heads, *, hidden: Tensor, scale: float, kernels: Kernels | None = None) -> Tensor:
    """Grouped attention [S, H, L, D] of queries [S, H, L, D] over keys and values [S, K, X, D].

    Nobody looks where `hidden` [S or 1, 1, L, X] is True.
    """
    q_SHLD, keys, values = of
    count, heads, longest, width = q_SHLD.shape
    kv_heads, seen = keys.shape[1], keys.shape[2]
    if longest == 1 and count <= FEW and not torch.is_grad_enabled():
        grouped = q_SHLD.reshape(count, kv_heads, heads // kv_heads, width)
        out = scaled_dot_product_attention(grouped, keys, values, attn_mask=hidden.logical_not(), scale=scale)
        return out.reshape(count, heads, 1, width)
    q = q_SHLD.reshape(count * kv_heads, heads // kv_heads * longest, width)
    scores = torch.bmm(q, keys.reshape(count * kv_heads, seen, width).transpose(1, 2))
    values = values.reshape(count * kv_heads, seen, width)
    if kernels is not None and not torch.is_grad_enabled():
        kernels.soften(scores.view(count, heads, longest, seen), hidden, scale=scale)
        return torch.bmm(scores, values).view(count, heads, longest, width)
    wide = torch.float64 if scores.dtype == torch.float64 else torch.float32
    scores = (scores.view(count, heads, longest, seen).to(wide) * scale).masked_fill(hidden, -torch.inf)
    p = scores.softmax(-1).to(q.dtype).view(count * kv_heads, -1, seen)
    return torch.bmm(p, values).view(count, heads, longest, width)
