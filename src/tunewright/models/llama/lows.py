"""What low-rank adapters add to a projection, laid out as the compiled kernels read it.

A table says for each adapter and each map of the projection where its two matrices lie. Several adapters are a longer
table: nothing is copied to put them beside one another.
Shapes: N adapters, M maps, C inputs, O outputs of a map, r rank.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor
from torch.nn.functional import pad

SPARE = 32
"""Numbers behind a matrix: kernels read whole vectors, sixteen outputs of up to two ranks."""


@dataclass(frozen=True)
class Lows:
    """`table` int64 [N + 1, M, 3]: address of `down` [r, C], address of `up`, r; zeros in the last row, for no adapter.

    `ends` int64 [M]: where each map's outputs end. `most`: the largest rank, made even. `kept`: what the addresses
    point to.
    """

    table: Tensor
    ends: Tensor
    most: int
    kept: tuple[Tensor, ...]

    @cached_property
    def addresses(self) -> tuple[int, int, int, int, int]:
        """As kernels take it: table, ends, how many maps, how many adapters, the largest rank."""
        adapters, maps, _ = self.table.shape
        return self.table.data_ptr(), self.ends.data_ptr(), maps, adapters - 1, self.most


def lows_of(down_RC: Tensor, up_OR: Tensor, *, ranks: tuple[int, ...], widths: tuple[int, ...]) -> Lows:
    """One adapter's. `down`: the maps' matrices below one another; `up`: theirs block by block, the scale included."""
    kept: list[Tensor] = [down_RC.contiguous()]
    rows, begin, first = [], 0, 0
    for rank, wide in zip(ranks, widths, strict=True):
        up = _laid(up_OR[begin : begin + wide, first : first + rank])
        kept.append(up)
        rows.append((kept[0][first:].data_ptr() if rank else 0, up.data_ptr(), rank))
        begin, first = begin + wide, first + rank
    return _table([rows], widths=widths, kept=tuple(kept))


def nothing(widths: tuple[int, ...]) -> Lows:
    """Those of an adapter that does not change the projection."""
    return _table([[(0, 0, 0)] * len(widths)], widths=widths, kept=())


def joined(parts: list[Lows]) -> Lows:
    """Those of several adapters, in order."""
    first = parts[0]
    table = torch.cat([*(part.table[:1] for part in parts), first.table[1:]])
    return Lows(table, first.ends, max(part.most for part in parts), tuple(t for part in parts for t in part.kept))


def _table(rows: list[list[tuple[int, int, int]]], *, widths: tuple[int, ...], kept: tuple[Tensor, ...]) -> Lows:
    most = max(rank for row in rows for _, _, rank in row)
    table = torch.tensor([*rows, [(0, 0, 0)] * len(widths)], dtype=torch.long)
    return Lows(table, torch.tensor(widths).cumsum(0), most + most % 2, kept)


def _laid(up_OR: Tensor) -> Tensor:
    """A number an output for each rank; in bfloat16 for each pair of ranks, the two side by side."""
    turned = up_OR.T
    if up_OR.dtype == torch.bfloat16:
        turned = pad(turned, (0, 0, 0, len(turned) % 2))
        turned = turned.unflatten(0, (-1, 2)).transpose(1, 2)
    return pad(turned.reshape(-1), (0, SPARE))
