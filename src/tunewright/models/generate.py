"""Greedy answers for many prompts at once: a shared beginning is computed once, finished rows leave the batch.

Shapes: B rows, T tokens of the longest prompt without its prefix, P prefix, L tokens held in the cache, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import Cache

from tunewright.core.ports import Generated, Ids
from tunewright.models.inference import Body, causal_mask, growing_cache, shared_prefix

HELD = 2
"""A batch's cache may hold this many times the tokens of a pass."""


@dataclass
class Answer:
    """One answer as it grows."""

    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    stopped: bool = False

    def take(self, token: int, log_probability: float, *, stop: frozenset[int]) -> None:
        """Add a token, or end at a stop token, which is not part of the answer."""
        if token in stop:
            self.stopped = True
            return
        self.tokens.append(token)
        self.log_probabilities.append(log_probability)

    def done(self) -> Generated:
        """The record of the answer."""
        return Generated(tuple(self.tokens), tuple(self.log_probabilities), "stop" if self.stopped else "length")


@dataclass
class Rows:
    """The rows of a batch that still grow. `lengths` int64 [B]: tokens so far; `seen` bool [B, L], None: no padding."""

    answers: list[Answer]
    lengths: Tensor
    seen: Tensor | None
    cache: Cache


def generate(
    body: Body, prompts: Sequence[Ids], *, max_new_tokens: int, stop: frozenset[int], batch_tokens: int
) -> list[Generated]:
    """Greedy answers in the order of the prompts. Raises ValueError for an empty prompt."""
    given = [tuple(prompt) for prompt in prompts]
    if not all(given):
        raise ValueError("a prompt to answer must hold at least one token")
    longest = max(map(len, given), default=0) + max_new_tokens
    masks = body.takes_masks(longest)
    same = shared_prefix(given) if masks else 0
    prefix = body.computed_prefix(given[0][:same]) if same else []
    answers = [Answer() for _ in given]
    order = sorted(range(len(given)), key=lambda index: len(given[index]))
    for batch in _batches(order, given, extra=max_new_tokens, batch_tokens=batch_tokens, mixed=masks):
        cache = growing_cache(prefix, len(batch), config=body.config)
        rows = _begin(body, [given[index][same:] for index in batch], [answers[index] for index in batch], cache, same)
        _go_on(body, *rows, max_new_tokens=max_new_tokens, stop=stop)
    return [answer.done() for answer in answers]


def _batches(
    order: list[int], prompts: list[tuple[int, ...]], *, extra: int, batch_tokens: int, mixed: bool
) -> Iterator[list[int]]:
    """Prompts of similar length together; of equal length where the model cannot tell padding (`mixed` False)."""
    batch: list[int] = []
    for index in order:
        size = len(prompts[index]) + extra
        full = (len(batch) + 1) * size > HELD * batch_tokens
        differs = bool(batch) and not mixed and len(prompts[batch[0]]) != len(prompts[index])
        if batch and (full or differs):
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _begin(
    body: Body, prompts: list[tuple[int, ...]], answers: list[Answer], cache: Cache, prefix: int
) -> tuple[Rows, Tensor]:
    """Compute the prompts, padded on the right; returns the rows and each one's last hidden state [B, C]."""
    longest = max(map(len, prompts))
    lengths = torch.tensor([len(prompt) for prompt in prompts], device=body.device)
    padded = [[*prompt, *[0] * (longest - len(prompt))] for prompt in prompts]
    places = torch.arange(longest, device=body.device)
    hidden = body.hidden(
        torch.tensor(padded, device=body.device),
        positions_BT=(places + prefix).expand(len(prompts), -1),
        mask=causal_mask(longest, prefix, device=body.device),
        cache=cache,
    )
    seen = None
    if min(map(len, prompts)) < longest:
        own = places[None] < lengths[:, None]
        seen = torch.cat([own.new_ones(len(prompts), prefix), own], dim=1)
    last = hidden[torch.arange(len(prompts), device=body.device), lengths - 1]
    return Rows(list(answers), lengths + prefix, seen, cache), last


def _go_on(body: Body, rows: Rows, last: Tensor, *, max_new_tokens: int, stop: frozenset[int]) -> None:
    """Add tokens until every row has stopped or has its full length."""
    for step in range(max_new_tokens):
        chosen, values = _choose(body, last)
        for answer, token, value in zip(rows.answers, chosen.tolist(), values.tolist(), strict=True):
            answer.take(token, value, stop=stop)
        if step + 1 == max_new_tokens:
            return
        chosen = _leave(rows, chosen)
        if not rows.answers:
            return
        last = _step(body, rows, chosen)


def _choose(body: Body, last_BC: Tensor) -> tuple[Tensor, Tensor]:
    """The most probable token of each row and its log-probability."""
    logits_BV = body.logits(last_BC)
    best = logits_BV.max(-1)
    return best.indices, best.values - logits_BV.logsumexp(-1)


def _leave(rows: Rows, chosen: Tensor) -> Tensor:
    """Take stopped rows out of the batch and its cache; returns the tokens of those that stay."""
    stay = [at for at, answer in enumerate(rows.answers) if not answer.stopped]
    if len(stay) == len(rows.answers):
        return chosen
    rows.answers = [rows.answers[at] for at in stay]
    if not stay:
        return chosen
    kept = torch.tensor(stay, device=chosen.device)
    rows.cache.batch_select_indices(kept)
    rows.lengths = rows.lengths[kept]
    rows.seen = rows.seen[kept] if rows.seen is not None else None
    return chosen[kept]


def _step(body: Body, rows: Rows, chosen: Tensor) -> Tensor:
    """One pass over the newest token of each row; returns its hidden state [B, C]."""
    if rows.seen is not None:
        rows.seen = torch.cat([rows.seen, rows.seen.new_ones(len(chosen), 1)], dim=1)
    mask = rows.seen[:, None, None] if rows.seen is not None else None
    hidden = body.hidden(chosen[:, None], positions_BT=rows.lengths[:, None], mask=mask, cache=rows.cache)
    rows.lengths = rows.lengths + 1
    return hidden[:, 0]
