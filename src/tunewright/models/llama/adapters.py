"""Low-rank adapters as this forward computes them: one pair of matrices a projection, several adapters in one pass.

For a projection of several maps, A holds the maps' A below one another and B their B block by block, the scale
included: y = W x + B A x. Shapes: T tokens, C inputs, O outputs, R ranks of all maps together, N adapters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from peft.utils.integrations import dequantize_module_weight
from torch import Tensor

from tunewright.models.llama.anatomy import Anatomy
from tunewright.models.llama.lows import Lows, joined, lows_of, nothing
from tunewright.models.llama.projection import Projection

DEFAULT = "default"
SPAN = 64
"""Products of a span take a multiple of so many tokens: the library prepares each new shape for half a millisecond."""


@dataclass(frozen=True)
class Part:
    """What an adapter adds to one projection: `down` [R, C], `up` [O, R] scaled; `factor` [O] of DoRA or None.

    `ranks`: how many of the R belong to each map of the projection.
    """

    down: Tensor
    up: Tensor
    ranks: tuple[int, ...]
    factor: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Adapter:
    """An adapter ready to compute: a part for each projection of each layer, None where it changes nothing."""

    name: str
    parts: tuple[Part | None, ...]
    rank: int
    identity: int = field(default=0)
    """Equal for adapters whose values are the same: what a cache may be shared by."""

    @cached_property
    def finite(self) -> bool:
        """True when every value is a number: a NaN would reach the rows of others through products they share."""
        tensors = [t for part in self.parts if part is not None for t in (part.down, part.up, part.factor)]
        return all(bool(torch.isfinite(tensor).all()) for tensor in tensors if tensor is not None)

    def lows(self, projection: Projection) -> Lows | None:
        """What it adds to a projection as kernels read it; None where DoRA multiplies the whole product."""
        if projection.index not in self._lows:
            self._lows[projection.index] = _lows(self.parts[projection.index], projection)
        return self._lows[projection.index]

    @cached_property
    def _lows(self) -> dict[int, Lows | None]:
        return {}


def _lows(part: Part | None, projection: Projection) -> Lows | None:
    if part is None:
        return nothing(projection.widths)
    if part.factor is not None:
        return None
    with torch.no_grad():
        return lows_of(part.down.detach(), part.up.detach(), ranks=part.ranks, widths=projection.widths)


@dataclass(frozen=True)
class Low:
    """One map's matrices as PEFT keeps them: `a` [r, C], `b` [O, r], the scale, the magnitude [O] of DoRA."""

    a: Tensor
    b: Tensor
    scale: float
    magnitude: Tensor | None = None


def part_of(maps: Sequence[Low | None], projection: Projection) -> Part | None:
    """The part of one projection from the matrices of its maps, differentiable where they are."""
    if all(one is None for one in maps):
        return None
    first = next(one for one in maps if one is not None)
    down = torch.cat([one.a for one in maps if one is not None])
    ranks = tuple(len(one.a) if one is not None else 0 for one in maps)
    blocks, at, total = [], 0, len(down)
    for one, wide, rank in zip(maps, projection.widths, ranks, strict=True):
        own = one.b * one.scale if one is not None else first.b.new_zeros(wide, 0)
        blocks.append(torch.nn.functional.pad(own, (at, total - at - rank)))
        at += rank
    factor = None
    if any(one is not None and one.magnitude is not None for one in maps):
        factor = torch.cat([_factor(*each) for each in zip(maps, projection.modules, projection.widths, strict=True)])
    return Part(down, torch.cat(blocks), ranks, factor)


def _factor(one: Low | None, module: Any, wide: int) -> Tensor:
    """DoRA's magnitude over the norm of each row of W + s B A (Liu et al., 2024, arXiv 2402.09353, equation 5)."""
    if one is None or one.magnitude is None:
        like = one.a if one is not None else dequantize_module_weight(module)
        return like.new_ones(wide)
    with torch.no_grad():
        weight = dequantize_module_weight(module).to(one.a.dtype)
        norm = (weight + one.scale * (one.b @ one.a)).norm(dim=1)
    return one.magnitude / norm.to(one.magnitude.dtype)


def live_adapter(anatomy: Anatomy, projections: Sequence[Projection], *, name: str = DEFAULT) -> Adapter:
    """The adapter inside PEFT's layers of a model, over the parameters themselves."""
    modules = [part for layer in anatomy.layers for part in layer.projections]
    parts = tuple(
        part_of([_live(module, name) for module in each], projection)
        for each, projection in zip(modules, projections, strict=True)
    )
    return Adapter(name, parts, max((len(part.down) for part in parts if part is not None), default=0))


def _live(module: Any, name: str) -> Low | None:
    if not hasattr(module, "lora_A") or name not in module.lora_A:
        return None
    magnitudes = module.lora_magnitude_vector
    magnitude = magnitudes[name].weight if name in magnitudes else None
    return Low(module.lora_A[name].weight, module.lora_B[name].weight, module.scaling[name], magnitude)


def adapter_from(
    name: str, maps: Mapping[tuple[int, int, int], Low], *, projections: Sequence[Projection], identity: int
) -> Adapter:
    """An adapter from the matrices of its maps by (layer, projection, map), in storage of its own."""
    parts = []
    for index, projection in enumerate(projections):
        layer, which = divmod(index, 4)
        wanted = [maps.get((layer, which, at)) for at in range(len(projection.modules))]
        parts.append(part_of(wanted, projection))
    return Adapter(name, tuple(parts), max((len(part.down) for part in parts if part is not None), default=0), identity)


class Alone:
    """One adapter, or none, for every token of a pass."""

    def __init__(self, adapter: Adapter | None) -> None:
        self.adapter = adapter
        self._whose = torch.zeros(0, dtype=torch.long)

    def apply(self, projection: Projection, x_TC: Tensor) -> Tensor:
        """y [T, O] of a projection with the adapter."""
        part = self.adapter.parts[projection.index] if self.adapter is not None else None
        if part is None or self.adapter is None:
            return projection.product(x_TC)
        if part.factor is not None:
            return _with_factor(projection, x_TC, part)
        if projection.compiled(x_TC) and (lows := self.adapter.lows(projection)) is not None:
            if len(self._whose) != len(x_TC):
                self._whose = torch.zeros(len(x_TC), dtype=torch.long)
            return projection.product(x_TC, added=(lows, self._whose))
        return added(projection.product(x_TC), low_TR=x_TC @ part.down.T, up_OR=part.up)


def added(y_TO: Tensor, *, low_TR: Tensor, up_OR: Tensor) -> Tensor:
    """y + low up^T, in place where no history is kept."""
    if torch.is_grad_enabled():
        return torch.addmm(y_TO, low_TR, up_OR.T)
    return y_TO.addmm_(low_TR, up_OR.T)


class Stack:
    """Several adapters for tokens that each have their own.

    Without kernels they lie side by side, and columns of others are set to 0 in between.
    """

    def __init__(self, adapters: Sequence[Adapter]) -> None:
        self.adapters = tuple(adapters)
        self._parts: dict[int, Stacked | None] = {}
        self._lows: dict[int, Lows | None] = {}

    def part(self, index: int) -> Stacked | None:
        """The adapters of a projection side by side."""
        if index not in self._parts:
            self._parts[index] = _side_by_side([one.parts[index] for one in self.adapters])
        return self._parts[index]

    def lows(self, projection: Projection) -> Lows | None:
        """The same as kernels read it; None where DoRA multiplies the whole product."""
        if projection.index not in self._lows:
            parts = [adapter.lows(projection) for adapter in self.adapters]
            there = [part for part in parts if part is not None]
            self._lows[projection.index] = joined(there) if len(there) == len(parts) else None
        return self._lows[projection.index]


@dataclass(frozen=True)
class Stacked:
    """One projection of a stack: `ranks` of each adapter; `factors` [N + 1, O], ones in the last row, or None."""

    down: Tensor
    up: Tensor
    ranks: tuple[int, ...]
    factors: Tensor | None


def _side_by_side(parts: Sequence[Part | None]) -> Stacked | None:
    there = [part for part in parts if part is not None]
    if not there:
        return None
    factors = None
    if any(part.factor is not None for part in there):
        ones = there[0].up.new_ones(len(there[0].up))
        all_of = [part.factor if part is not None and part.factor is not None else ones for part in parts]
        factors = torch.stack([*all_of, ones])
    return Stacked(
        torch.cat([part.down for part in there]),
        torch.cat([part.up for part in there], 1),
        tuple(len(part.down) if part is not None else 0 for part in parts),
        factors,
    )


class Mixed:
    """Adapters chosen by token: the first `len(whose)` tokens each have their own, the rest come in spans.

    `whose` int64: place of each token's adapter in the stack, N for none. `spans`: (start, end, adapter or None).
    """

    def __init__(self, stack: Stack, whose: Tensor, spans: Sequence[tuple[int, int, Adapter | None]]) -> None:
        self.stack, self.whose, self.spans = stack, whose, spans
        self._others: dict[tuple[int, ...], Tensor] = {}

    def apply(self, projection: Projection, x_TC: Tensor) -> Tensor:
        """y [T, O] of a projection; no value of one token's adapter reaches another token."""
        if all(adapter.parts[projection.index] is None for adapter in self.stack.adapters):
            return projection.product(x_TC)
        kernels = projection.kernels_now
        lows = self.stack.lows(projection) if kernels is not None else None
        if kernels is None or lows is None:
            return self._side_by_side(projection, x_TC)
        if not self.spans and projection.compiled(x_TC):
            return projection.product(x_TC, added=(lows, self.whose))
        y, rows = projection.product(x_TC), len(self.whose)
        if rows:
            kernels.add(y[:rows], x_TC[:rows], lows=lows, whose=self.whose)
        self._add_spans(y, x_TC, projection)
        return y

    def _side_by_side(self, projection: Projection, x_TC: Tensor) -> Tensor:
        part = self.stack.part(projection.index)
        assert part is not None, "some adapter changes the projection"
        y = projection.product(x_TC) if part.factors is None else projection.bare_product(x_TC)
        rows = len(self.whose)
        if rows:
            low = (x_TC[:rows] @ part.down.T).masked_fill_(self._not_own(part.ranks), 0)
            y[:rows].addmm_(low, part.up.T)
        self._add_spans(y, x_TC, projection)
        return y if part.factors is None else self._scaled(y, projection, factors=part.factors)

    def _add_spans(self, y_TO: Tensor, x_TC: Tensor, projection: Projection) -> None:
        for start, end, adapter in self.spans:
            own = adapter.parts[projection.index] if adapter is not None else None
            if own is not None:
                wide = min(-(-(end - start) // SPAN) * SPAN, len(y_TO))
                first = min(start, len(y_TO) - wide)
                low = x_TC[first : first + wide] @ own.down.T
                low[: start - first], low[end - first :] = 0, 0
                y_TO[first : first + wide].addmm_(low, own.up.T)

    def _not_own(self, ranks: tuple[int, ...]) -> Tensor:
        """True where a column belongs to another token's adapter, [rows, sum of ranks]."""
        if ranks not in self._others:
            columns = torch.tensor([at for at, rank in enumerate(ranks) for _ in range(rank)], device=self.whose.device)
            self._others[ranks] = columns[None] != self.whose[:, None]
        return self._others[ranks]

    def _scaled(self, y_TO: Tensor, projection: Projection, *, factors: Tensor) -> Tensor:
        rows = len(self.whose)
        y_TO[:rows] *= factors[self.whose]
        for start, end, adapter in self.spans:
            own = adapter.parts[projection.index] if adapter is not None else None
            if own is not None and own.factor is not None:
                y_TO[start:end] *= own.factor
        bias = projection.bias()
        return y_TO if bias is None else y_TO + bias


def _with_factor(projection: Projection, x_TC: Tensor, part: Part) -> Tensor:
    assert part.factor is not None, "asked for DoRA only"
    y = added(projection.bare_product(x_TC), low_TR=x_TC @ part.down.T, up_OR=part.up) * part.factor
    bias = projection.bias()
    return y if bias is None else y + bias
