"""Keys and values of growing rows: slots of equal capacity stand on one shelf, close together.

A shelf's first rows are those that add one token a step, so that one product serves them all without a copy.
Shapes: S slots, K key-value heads, X capacity in tokens, D head width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

SMALLEST = 128
"""Tokens of the smallest slot."""
STEP = 16
"""Attention over a shelf reads up to a multiple of this many tokens."""


@dataclass(frozen=True)
class Layout:
    """What one token takes in the cache."""

    layers: int
    kv_heads: int
    head_width: int
    dtype: torch.dtype
    device: torch.device

    @property
    def token_bytes(self) -> int:
        """Bytes of one token's keys and values in all layers."""
        return 2 * self.layers * self.kv_heads * self.head_width * self.dtype.itemsize


def capacity_for(tokens: int) -> int:
    """The capacity of the slot that a row of at most `tokens` tokens gets: a power of two times the smallest."""
    capacity = SMALLEST
    while capacity < tokens:
        capacity *= 2
    return capacity


class Shelf:
    """Slots of one capacity. `rows` are in slot order; a row has `slot` and `computed`, and is moved by the shelf."""

    def __init__(self, layout: Layout, capacity: int) -> None:
        self.layout, self.capacity = layout, capacity
        self.rows: list[Any] = []
        self.front = 0
        """How many rows stand at the front, in slots 0 and on, and add one token a step."""
        self.slots = 0
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []
        self.resize(0)

    @property
    def bytes(self) -> int:
        """Memory of all its slots."""
        return self.slots * self.capacity * self.layout.token_bytes

    def resize(self, slots: int) -> None:
        """Make room for so many slots, or give back those beyond; layer by layer, so that little is held twice."""
        at = self.layout
        shape = (slots, at.kv_heads, self.capacity, at.head_width)
        kept = min(len(self.rows), slots)
        for side in (self.keys, self.values):
            for layer in range(at.layers):
                fresh = torch.zeros(shape, dtype=at.dtype, device=at.device)
                if layer == len(side):
                    side.append(fresh)
                    continue
                fresh[:kept] = side[layer][:kept]
                side[layer] = fresh
        self.slots = slots

    def put(self, row: Any) -> None:
        """Give a row the next slot; there must be one."""
        row.slot, row.shelf = len(self.rows), self
        self.rows.append(row)

    def take_out(self, row: Any) -> None:
        """Free a row's slot and close the gap: one or two rows move."""
        gap = row.slot
        if gap < self.front:
            self.front -= 1
            self._move(self.front, gap)
            gap = self.front
        self._move(len(self.rows) - 1, gap)
        self.rows.pop()
        row.shelf = None

    def line_up(self) -> None:
        """Bring the rows that add one token a step to the front."""
        for row in self.rows[self.front :]:
            if row.ready:
                self._swap(row.slot, self.front)
                self.front += 1

    def clear(self, slot: int) -> None:
        """Set a slot to zeros: what a poisoned row leaves must not meet another row's zero weights."""
        for tensor in (*self.keys, *self.values):
            tensor[slot].zero_()

    def copy_from(self, slot: int, other: Shelf, *, source: int, tokens: int) -> None:
        """The first `tokens` tokens of another slot, on this shelf or another one."""
        pairs = zip((*self.keys, *self.values), (*other.keys, *other.values), strict=True)
        for mine, theirs in pairs:
            mine[slot, :, :tokens] = theirs[source, :, :tokens]

    def _move(self, source: int, target: int) -> None:
        if source == target:
            return
        row = self.rows[source]
        self.copy_from(target, self, source=source, tokens=row.computed)
        self.rows[target], row.slot = row, target

    def _swap(self, one: int, other: int) -> None:
        if one == other:
            return
        first, second = self.rows[one], self.rows[other]
        tokens = max(first.computed, second.computed)
        for tensor in (*self.keys, *self.values):
            part = tensor[one, :, :tokens].clone()
            tensor[one, :, :tokens] = tensor[other, :, :tokens]
            tensor[other, :, :tokens] = part
        self.rows[one], self.rows[other] = second, first
        first.slot, second.slot = other, one


class Remembered:
    """Keys and values of rows that ended, for prompts that begin as they did; the least recently used goes first."""

    def __init__(self) -> None:
        self._entries: list[tuple[Any, tuple[int, ...], list[Tensor], list[Tensor]]] = []
        self.bytes = 0

    def add(self, owner: Any, tokens: tuple[int, ...], *, shelf: Shelf, slot: int) -> None:
        """Copy what a slot holds of these tokens."""
        count = len(tokens)
        keys = [tensor[slot, :, :count].clone() for tensor in shelf.keys]
        values = [tensor[slot, :, :count].clone() for tensor in shelf.values]
        self._entries.append((owner, tokens, keys, values))
        self.bytes += count * shelf.layout.token_bytes

    def longest(self, owner: Any, prompt: tuple[int, ...]) -> tuple[int, int]:
        """The entry that shares the longest beginning with a prompt, and how many tokens; (-1, 0) for none."""
        best = (-1, 0)
        for at, (whose, tokens, _, _) in enumerate(self._entries):
            if whose == owner and (same := common(tokens, prompt)) > best[1]:
                best = (at, same)
        return best

    def give(self, entry: int, tokens: int, *, shelf: Shelf, slot: int) -> None:
        """Copy the beginning of an entry into a slot."""
        found = self._entries.pop(entry)
        self._entries.append(found)
        for tensor, old in zip((*shelf.keys, *shelf.values), (*found[2], *found[3]), strict=True):
            tensor[slot, :, :tokens] = old[:, :tokens]

    def shrink(self, most: int) -> None:
        """Forget entries until at most so many bytes are held."""
        while self._entries and self.bytes > most:
            _, _, keys, values = self._entries.pop(0)
            self.bytes -= sum(tensor.numel() * tensor.element_size() for tensor in (*keys, *values))

    def forget(self, owner: Any) -> None:
        """Forget what an adapter computed."""
        gone = [entry for entry in self._entries if entry[0] == owner]
        self._entries = [entry for entry in self._entries if entry[0] != owner]
        self.bytes -= sum(t.numel() * t.element_size() for entry in gone for t in (*entry[2], *entry[3]))


def common(one: tuple[int, ...], other: tuple[int, ...]) -> int:
    """Tokens that both begin with."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next(at for at in range(shorter) if one[at] != other[at])
