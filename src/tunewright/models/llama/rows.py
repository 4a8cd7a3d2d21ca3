"""One answer as it grows, and the pass that a step computes for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.language_model import Generated, Request
from tunewright.models.llama.adapters import Adapter, Alone, Mixed, Stack
from tunewright.models.llama.attention import Block, attend, attend_blocks, blocks_of
from tunewright.models.llama.forward import Decoder, Heads
from tunewright.models.llama.kernels import Kernels
from tunewright.models.llama.shelves import STEP, Shelf
from tunewright.models.wording import Wording

Finish = Literal["stop", "length", "cancelled", "error"]


@dataclass
class Row:
    """A request under way. `tokens`: prompt and answer; the first `computed` of them lie in the cache."""

    ticket: int
    request: Request
    adapter: Adapter | None
    tokens: list[int]
    uniforms: NDArray[np.float64]
    wording: Wording | None = None
    computed: int = 0
    slot: int = -1
    shelf: Shelf | None = None
    log_probabilities: list[float] = field(default_factory=list)
    finish: Finish | None = None

    @property
    def ready(self) -> bool:
        """True when one token is to be computed, the newest."""
        return self.computed == len(self.tokens) - 1

    @property
    def prompt_tokens(self) -> int:
        """Tokens of its prompt."""
        return len(self.request.prompt)

    @property
    def most_tokens(self) -> int:
        """Tokens that it may come to hold in the cache."""
        return self.prompt_tokens + max(self.request.max_new_tokens, 1)

    @property
    def drawn(self) -> int:
        """Tokens of the answer so far."""
        return len(self.tokens) - self.prompt_tokens

    def owner(self) -> int:
        """What rows must have in common to share what they computed."""
        return self.adapter.identity if self.adapter is not None else 0

    def answer(self) -> Generated:
        """The record of the answer."""
        assert self.finish is not None, "asked for when it has ended"
        text = self.wording.text if self.wording is not None else None
        tokens = tuple(self.tokens[self.prompt_tokens :])
        return Generated(tokens, tuple(self.log_probabilities), self.finish, text)


@dataclass(frozen=True)
class Stretch:
    """Tokens of one row that a pass computes: places [start, end) of the pass, `past` tokens are in the cache."""

    row: Row
    start: int
    end: int
    past: int


@dataclass(frozen=True)
class OnShelf:
    """What a pass does on one shelf: rows `start` to `end` of the pass add one token and look at `seen` tokens.

    `lengths` int64 [R]: how many each of them sees; `hidden`: the same by window of a layer, bool [R, 1, 1, seen],
    empty where compiled kernels compute; `places`: which tokens of the pass lie here, None for all;
    `targets` int64 [n * K]: where their keys go in the flat shelf.
    """

    shelf: Shelf
    start: int
    end: int
    seen: int
    lengths: Tensor
    hidden: dict[int | None, Tensor]
    places: Tensor | None
    targets: Tensor


@dataclass(frozen=True)
class Pass:
    """Everything that a step computes: rows that add one token, then stretches of prompts, then whole prompts."""

    ready: tuple[Row, ...]
    stretches: tuple[Stretch, ...]
    tokens: Tensor
    positions: Tensor
    shelves: tuple[OnShelf, ...]
    middles: tuple[tuple[Stretch, dict[int | None, Tensor]], ...]
    fresh_start: int
    fresh: dict[int | None, list[Block]]
    ends: tuple[tuple[Row, int], ...]
    """Rows whose last known token is computed, with its place: each of them gets its next token."""
    windows: tuple[int | None, ...]
    scale: float
    products: Alone | Mixed
    kernels: Kernels | None

    def attend(self, layer: int, heads: Heads) -> Tensor:
        """Write keys and values into the cache, then attention of every part of the pass. Returns [T, H * D]."""
        window = self.windows[layer]
        for here in self.shelves:
            self._write(here, layer, heads=heads)
        outs = [self._of_shelf(here, layer, q_THD=heads.q) for here in self.shelves if here.end > here.start]
        outs += [
            self._of_middle(stretch, layer, q_THD=heads.q, hidden=hidden[window]) for stretch, hidden in self.middles
        ]
        if self.fresh_start < len(heads.q):
            fresh = slice(self.fresh_start, None)
            parts = Heads(*(part[fresh] for part in heads))
            outs.append(attend_blocks(parts, blocks=self.fresh[window], scale=self.scale, kernels=self.kernels))
        return outs[0] if len(outs) == 1 else torch.cat(outs)

    def _of_shelf(self, here: OnShelf, layer: int, *, q_THD: Tensor) -> Tensor:
        rows = here.end - here.start
        if self.kernels is not None:
            own, window = q_THD[here.start : here.end], self.windows[layer]
            return self.kernels.attend(
                own, here.shelf, layer=layer, lengths=here.lengths, window=window, scale=self.scale
            )
        keys, values = (side[layer][:rows, :, : here.seen] for side in (here.shelf.keys, here.shelf.values))
        q = q_THD[here.start : here.end, :, None]
        hidden = here.hidden[self.windows[layer]]
        return attend(Heads(q, keys, values), hidden=hidden, scale=self.scale).flatten(1)

    def _write(self, here: OnShelf, layer: int, *, heads: Heads) -> None:
        if self.kernels is not None:
            self.kernels.keep(heads.k, heads.v, shelf=here.shelf, layer=layer, targets=here.targets, places=here.places)
            return
        for store, part in ((here.shelf.keys[layer], heads.k), (here.shelf.values[layer], heads.v)):
            own = part if here.places is None else part.index_select(0, here.places)
            store.view(-1, store.shape[-1]).index_copy_(0, here.targets, own.reshape(-1, own.shape[-1]))

    def _of_middle(self, stretch: Stretch, layer: int, *, q_THD: Tensor, hidden: Tensor) -> Tensor:
        shelf, slot = stretch.row.shelf, stretch.row.slot
        assert shelf is not None, "a row in a pass has a slot"
        seen = stretch.past + stretch.end - stretch.start
        keys, values = (side[layer][slot : slot + 1, :, :seen] for side in (shelf.keys, shelf.values))
        q = q_THD[stretch.start : stretch.end].transpose(0, 1)[None]
        seen = attend(Heads(q, keys, values), hidden=hidden, scale=self.scale, kernels=self.kernels)
        return seen[0].transpose(0, 1).flatten(1)


def pass_over(
    ready: Sequence[Row],
    stretches: Sequence[tuple[Row, int]],
    *,
    decoder: Decoder,
    stack: Any,
) -> Pass:
    """The pass of some rows: `ready` in the order of their shelves and slots; `stretches`: rows and how many tokens.

    `stack`: function from adapters to their stack.
    """
    order = sorted(stretches, key=lambda each: (each[0].computed == 0, each[0].owner()))
    parts: list[Stretch] = []
    at = len(ready)
    for row, count in order:
        parts.append(Stretch(row, at, at + count, row.computed))
        at += count
    tokens = [row.tokens[-1] for row in ready]
    positions = [row.computed for row in ready]
    for part in parts:
        tokens += part.row.tokens[part.past : part.past + part.end - part.start]
        positions += range(part.past, part.past + part.end - part.start)
    device, windows = decoder.device, tuple(block.window for block in decoder.anatomy.layers)
    middles = [part for part in parts if part.past]
    fresh = [part for part in parts if not part.past]
    kinds = set(windows)
    places = np.array(positions, np.int64)
    return Pass(
        ready=tuple(ready),
        stretches=tuple(parts),
        tokens=torch.tensor(tokens, device=device),
        positions=torch.from_numpy(places).to(device),
        shelves=tuple(_on_shelves(ready, parts, places, set() if decoder.kernels else kinds, device)),
        middles=tuple((part, _behind(part, kinds, device)) for part in middles),
        fresh_start=fresh[0].start if fresh else at,
        fresh={
            kind: blocks_of([part.end - part.start for part in fresh], window=kind, device=device) if fresh else []
            for kind in kinds
        },
        ends=tuple((row, place) for place, row in enumerate(ready))
        + tuple((p.row, p.end - 1) for p in parts if p.past + p.end - p.start == len(p.row.tokens)),
        windows=windows,
        scale=decoder.anatomy.scale,
        products=_products(ready, parts, stack, device),
        kernels=decoder.kernels,
    )


def _on_shelves(
    ready: Sequence[Row], parts: Sequence[Stretch], positions: NDArray[np.int64], kinds: set[Any], device: torch.device
) -> list[OnShelf]:
    rows = [*ready, *(part.row for part in parts)]
    counts = np.array([*(1 for _ in ready), *(part.end - part.start for part in parts)])
    slots = np.repeat([row.slot for row in rows], counts)
    found, start = [], 0
    shelves = list({id(row.shelf): row.shelf for row in rows}.values())
    for shelf in shelves:
        assert shelf is not None, "a row in a pass has a slot"
        end = start + sum(1 for row in ready if row.shelf is shelf)
        here = np.repeat([row.shelf is shelf for row in rows], counts)
        heads = np.arange(shelf.layout.kv_heads)
        lines = (slots[here][:, None] * len(heads) + heads[None]) * shelf.capacity + positions[here][:, None]
        lengths = positions[start:end] + 1
        seen = min(shelf.capacity, -(-int(lengths.max(initial=1)) // STEP) * STEP)
        found.append(
            OnShelf(
                shelf,
                start,
                end,
                seen,
                torch.from_numpy(lengths).to(device),
                {kind: _not_seen(lengths, seen, kind, device) for kind in kinds},
                None if len(shelves) == 1 else torch.from_numpy(np.flatnonzero(here)).to(device),
                torch.from_numpy(lines.reshape(-1)).to(device),
            )
        )
        start = end
    return found


def _not_seen(lengths: NDArray[np.int64], seen: int, window: int | None, device: torch.device) -> Tensor:
    keys = np.arange(seen)[None]
    hidden = keys >= lengths[:, None]
    if window is not None:
        hidden |= keys < lengths[:, None] - window
    return torch.from_numpy(hidden[:, None, None]).to(device)


def _behind(part: Stretch, kinds: set[Any], device: torch.device) -> dict[int | None, Tensor]:
    """Which of all its tokens so far a stretch's tokens may not see, [1, 1, T, past + T]."""
    count = part.end - part.start
    own, keys = part.past + np.arange(count)[:, None], np.arange(part.past + count)[None]
    hidden = {kind: keys > own if kind is None else (keys > own) | (keys <= own - kind) for kind in kinds}
    return {kind: torch.from_numpy(each[None, None]).to(device) for kind, each in hidden.items()}


def _products(ready: Sequence[Row], parts: Sequence[Stretch], stack: Any, device: torch.device) -> Alone | Mixed:
    rows = [*ready, *(part.row for part in parts)]
    adapters = {row.owner(): row.adapter for row in rows}
    if len(adapters) == 1:
        return Alone(rows[0].adapter)
    used = [adapter for _, adapter in sorted(adapters.items()) if adapter is not None]
    number = {adapter.identity: at for at, adapter in enumerate(used)}
    whose = torch.tensor([number.get(row.owner(), len(used)) for row in ready], dtype=torch.long, device=device)
    found: Stack = stack(used)
    return Mixed(found, whose, [(part.start, part.end, part.row.adapter) for part in parts])
