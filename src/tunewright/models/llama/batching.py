"""Continuous batching: rows join and leave at any step, long prompts come in chunks, equal beginnings are shared."""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tunewright.core.errors import UserError
from tunewright.core.language_model import Piece, Request
from tunewright.models.llama.adapters import Adapter, Stack
from tunewright.models.llama.forward import Decoder
from tunewright.models.llama.rows import Pass, Row, pass_over
from tunewright.models.llama.shelves import Layout, Remembered, Shelf, capacity_for, common
from tunewright.models.sampling import Chosen, Wishes, choose, uniforms, wishes_of
from tunewright.models.wording import Decode, Wording

WORTH_SHARING = 16
"""A shared beginning shorter than this is computed again."""
STEP_SLOTS = 4
"""A shelf grows by at least so many slots at once where the budget allows."""


@dataclass(frozen=True)
class Limits:
    """`cache_bytes`: memory of keys and values, remembered ones included; `rows`: most answers at once.

    `chunk_tokens`: most tokens of prompts a step; a step with a chunk is as long as computing it.
    `remembered_share`: the part of the cache that ended rows may keep for prompts that begin alike.
    """

    cache_bytes: int = 1 << 29
    rows: int = 64
    chunk_tokens: int = 512
    remembered_share: float = 0.25


class Generator:
    """Answers requests step by step. One caller at a time; `step` computes one token of every row that is ready."""

    def __init__(self, decoder: Decoder, *, limits: Limits, decode: Decode | None = None) -> None:
        self.decoder, self.limits, self.decode = decoder, limits, decode
        a = decoder.anatomy
        self.layout = Layout(len(a.layers), a.kv_heads, a.head_width, decoder.dtype, decoder.device)
        self.shelves: dict[int, Shelf] = {}
        self.waiting: deque[Row] = deque()
        self.remembered = Remembered()
        self._tickets = itertools.count()
        self._ended: list[Row] = []
        self._stack: Stack | None = None

    @property
    def rows(self) -> list[Row]:
        """Rows with a slot, shelf by shelf in slot order."""
        return [row for shelf in self.shelves.values() for row in shelf.rows]

    @property
    def busy(self) -> bool:
        """True while any request has not ended."""
        return bool(self.waiting or self._ended or any(shelf.rows for shelf in self.shelves.values()))

    @property
    def cache_bytes(self) -> int:
        """Memory that keys and values take now."""
        return sum(shelf.bytes for shelf in self.shelves.values()) + self.remembered.bytes

    def submit(self, request: Request, adapter: Adapter | None) -> int:
        """Take a request; returns its ticket. Raises ValueError for an empty prompt, UserError for one too long."""
        if not request.prompt:
            raise ValueError("a prompt to answer must hold at least one token")
        if request.stop_strings and self.decode is None:
            raise ValueError("stop strings need a decoder of tokens")
        wording = Wording(self.decode, request.stop_strings) if self.decode and request.stop_strings else None
        drawn = uniforms(request.sampling, 0 if request.sampling.greedy else request.max_new_tokens)
        row = Row(next(self._tickets), request, adapter, list(request.prompt), drawn, wording)
        need = capacity_for(row.most_tokens) * self.layout.token_bytes
        if need > self.limits.cache_bytes:
            raise UserError(
                f"a prompt of {row.prompt_tokens} tokens with an answer of {request.max_new_tokens} needs "
                f"{need / 1e6:,.0f} MB of cache, and there are {self.limits.cache_bytes / 1e6:,.0f} MB.",
                do="Shorten it, or give the cache more memory.",
            )
        if adapter is not None and not adapter.finite:
            self._end(row, "error")
        elif request.max_new_tokens < 1:
            self._end(row, "length")
        else:
            self.waiting.append(row)
        return row.ticket

    def cancel(self, ticket: int) -> None:
        """End a request now; what it said so far is its answer. An unknown or ended ticket changes nothing."""
        for row in [*self.waiting, *self.rows]:
            if row.ticket == ticket:
                self._end(row, "cancelled")

    def forget(self) -> None:
        """Forget what ended rows computed: the weights have changed."""
        self.remembered.shrink(0)
        self._stack = None

    def forget_adapter(self, adapter: Adapter) -> None:
        """Keep nothing of an adapter but what rows under way need."""
        self.remembered.forget(adapter.identity)
        self._stack = None

    def release(self) -> None:
        """Give back all memory of the cache; only while nothing runs."""
        if not self.rows:
            self.shelves.clear()
            self.remembered.shrink(0)

    @torch.no_grad()
    def step(self) -> list[Piece]:
        """Compute one pass; the tokens it added, and the answers that ended."""
        self._admit()
        found: list[Piece] = []
        if self.rows:
            plan = self._plan()
            hidden = self.decoder.hidden(plan.tokens, plan.positions, attend=plan.attend, products=plan.products)
            self._count(plan)
            if plan.ends:
                found = self._next_tokens(plan, hidden)
        return found + self.drain()

    def drain(self) -> list[Piece]:
        """The answers that ended and were not told yet."""
        ended, self._ended = self._ended, []
        return [Piece(row.ticket, -1, 0.0, row.answer()) for row in ended]

    def _plan(self) -> Pass:
        for shelf in self.shelves.values():
            shelf.line_up()
        ready = [row for shelf in self.shelves.values() for row in shelf.rows[: shelf.front]]
        left, stretches = self.limits.chunk_tokens, []
        reading = [row for row in self.rows if not row.ready]
        for row in sorted(reading, key=lambda row: row.ticket):
            count = min(left, len(row.tokens) - row.computed)
            if count:
                stretches.append((row, count))
                left -= count
        return pass_over(ready, stretches, decoder=self.decoder, stack=self._stack_of)

    def _stack_of(self, adapters: Sequence[Adapter]) -> Stack:
        """The adapters side by side, made anew only when others are in use."""
        if self._stack is None or list(self._stack.adapters) != list(adapters):
            self._stack = Stack(adapters)
        return self._stack

    def _count(self, plan: Pass) -> None:
        """What a pass computed lies in the cache now."""
        for row in plan.ready:
            row.computed += 1
        for part in plan.stretches:
            part.row.computed += part.end - part.start

    def _next_tokens(self, plan: Pass, hidden: Tensor) -> list[Piece]:
        rows = [row for row, _ in plan.ends]
        places = torch.tensor([place for _, place in plan.ends], device=hidden.device)
        logits = self.decoder.logits(hidden if len(places) == len(hidden) else hidden.index_select(0, places))
        wishes, kernels = self._wishes(rows, logits), self.decoder.kernels
        chosen = Chosen(*kernels.best(logits)) if kernels and wishes is None else choose(logits, wishes)
        pairs = zip(rows, chosen.tokens.tolist(), chosen.log_probabilities.tolist(), strict=True)
        return [piece for row, token, value in pairs if (piece := self._take(row, token, value)) is not None]

    def _wishes(self, rows: Sequence[Row], logits: Tensor) -> Wishes | None:
        uniform = [row.uniforms[row.drawn] if len(row.uniforms) else 0.0 for row in rows]
        used = None
        if any(row.request.sampling.repetition_penalty != 1 for row in rows):
            used = torch.zeros_like(logits, dtype=torch.bool)
            for at, row in enumerate(rows):
                if row.request.sampling.repetition_penalty != 1:
                    used[at, torch.tensor(row.tokens, device=logits.device)] = True
        return wishes_of([row.request.sampling for row in rows], uniform, used=used, device=logits.device)

    def _take(self, row: Row, token: int, value: float) -> Piece | None:
        """Add a token to an answer, or end it."""
        if not math.isfinite(value):
            self._end(row, "error")
            return None
        if token in row.request.stop:
            self._end(row, "stop")
            return None
        row.tokens.append(token)
        row.log_probabilities.append(value)
        if row.wording is not None:
            row.wording.add(token)
        if row.wording is not None and row.wording.stopped:
            self._end(row, "stop")
        elif row.drawn >= row.request.max_new_tokens:
            self._end(row, "length")
        return Piece(row.ticket, token, value)

    def _end(self, row: Row, finish: str) -> None:
        row.finish = finish  # pyright: ignore[reportAttributeAccessIssue]
        if row.wording is not None:
            row.wording.end()
        if row.shelf is not None:
            if finish in ("error", "cancelled"):
                row.shelf.clear(row.slot)
            else:
                self._remember(row)
            row.shelf.take_out(row)
        elif row in self.waiting:
            self.waiting.remove(row)
        self._ended.append(row)

    def _remember(self, row: Row) -> None:
        """Keep what a row computed, within the share of the cache that is for this and for nothing else."""
        share = int(self.limits.cache_bytes * self.limits.remembered_share)
        need = row.computed * self.layout.token_bytes
        if row.computed < WORTH_SHARING or need > share or row.shelf is None:
            return
        free = self.limits.cache_bytes - sum(shelf.bytes for shelf in self.shelves.values())
        if need <= free:
            self.remembered.shrink(min(share, free) - need)
            self.remembered.add(row.owner(), tuple(row.tokens[: row.computed]), shelf=row.shelf, slot=row.slot)

    def _admit(self) -> None:
        """Give waiting rows slots, in order, while there is room; a row whose beginning is being read waits for it."""
        kept: list[Row] = []
        while self.waiting and len(self.rows) < self.limits.rows:
            row = self.waiting[0]
            donor, same = self._donor(row)
            if donor is not None and donor.computed < same:
                kept.append(self.waiting.popleft())
                continue
            if not self._room(capacity_for(row.most_tokens)):
                break
            self._join(self.waiting.popleft(), donor, same)
        self.waiting.extendleft(reversed(kept))

    def _donor(self, row: Row) -> tuple[Row | None, int]:
        """The running row that shares the longest beginning, and how many tokens of it are of use."""
        best: tuple[Row | None, int] = (None, WORTH_SHARING - 1)
        own = tuple(row.tokens[:-1])
        for other in self.rows:
            if other.owner() == row.owner() and (same := common(other.request.prompt, own)) > best[1]:
                best = (other, same)
        return best if best[0] is not None else (None, 0)

    def _join(self, row: Row, donor: Row | None, same: int) -> None:
        shelf = self.shelves[capacity_for(row.most_tokens)]
        shelf.put(row)
        entry, kept = self.remembered.longest(row.owner(), tuple(row.tokens[:-1]))
        if kept >= WORTH_SHARING and kept > same:
            self.remembered.give(entry, kept, shelf=shelf, slot=row.slot)
            row.computed = kept
        elif donor is not None and donor.shelf is not None:
            shelf.copy_from(row.slot, donor.shelf, source=donor.slot, tokens=same)
            row.computed = same

    def _room(self, capacity: int) -> bool:
        """Make sure of a free slot; forgets, and takes slots from shelves that do not use them, before it says no."""
        shelf = self.shelves.setdefault(capacity, Shelf(self.layout, capacity))
        if len(shelf.rows) < shelf.slots:
            return True
        slot = capacity * self.layout.token_bytes
        queued = sum(capacity_for(row.most_tokens) == capacity for row in self.waiting)
        free = self.limits.rows - len(self.rows)
        for wanted in (max(STEP_SLOTS, min(queued, free)), max(STEP_SLOTS, shelf.slots), 1):
            if self._fits(wanted * slot):
                shelf.resize(min(shelf.slots + wanted, self.limits.rows))
                return True
        for other in self.shelves.values():
            if other is not shelf and other.slots > len(other.rows):
                other.resize(len(other.rows))
        fits = self._fits(slot)
        if fits:
            shelf.resize(shelf.slots + 1)
        return fits

    def _fits(self, more: int) -> bool:
        room = self.limits.cache_bytes - sum(shelf.bytes for shelf in self.shelves.values()) - more
        if room < 0:
            return False
        self.remembered.shrink(room)
        return True
