"""Answers for many prompts, any architecture: a shared beginning is computed once, finished rows leave the batch.

Shapes: B rows, T tokens of the longest prompt without its prefix, P prefix, L tokens held in the cache, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import Cache

from tunewright.core.language_model import Generated, Piece, Request
from tunewright.models.inference import Body, growing_cache, shared_prefix
from tunewright.models.sampling import Chosen, choose, uniforms, wishes_of
from tunewright.models.wording import Decode, Wording

Finish = Literal["stop", "length", "cancelled", "error"]
HELD = 2
"""A batch's cache may hold this many times the tokens of a pass."""


@dataclass
class Answer:
    """One answer as it grows. `tokens` and `log_probabilities` are of the answer alone."""

    request: Request
    uniforms: NDArray[np.float64]
    wording: Wording | None = None
    tokens: list[int] = field(default_factory=list)
    log_probabilities: list[float] = field(default_factory=list)
    finish: Finish | None = None

    def take(self, token: int, log_probability: float) -> None:
        """Add a token, or end: at a stop token, which is no part of the answer, at a stop string, or at the limit."""
        if not math.isfinite(log_probability):
            self.finish = "error"
            return
        if token in self.request.stop:
            self.finish = "stop"
            return
        self.tokens.append(token)
        self.log_probabilities.append(log_probability)
        if self.wording is not None:
            self.wording.add(token)
        if self.wording is not None and self.wording.stopped:
            self.finish = "stop"
        elif len(self.tokens) >= self.request.max_new_tokens:
            self.finish = "length"

    def done(self) -> Generated:
        """The record of the answer."""
        assert self.finish is not None, "asked for when it has ended"
        if self.wording is not None:
            self.wording.end()
        text = self.wording.text if self.wording is not None else None
        return Generated(tuple(self.tokens), tuple(self.log_probabilities), self.finish, text)


@dataclass
class Rows:
    """The rows of a batch that still grow. `lengths` int64 [B]: tokens so far; `seen` bool [B, L], None: no padding."""

    answers: list[Answer]
    lengths: Tensor
    seen: Tensor | None
    cache: Cache


def stream(
    body: Body, requests: Sequence[Request], *, batch_tokens: int, decode: Decode | None = None
) -> Iterator[Piece]:
    """Answers token by token, batch after batch; tickets count in the order of the requests.

    Raises ValueError for an empty prompt, and for stop strings without a decoder.
    """
    given = [request.prompt for request in requests]
    if not all(given):
        raise ValueError("a prompt to answer must hold at least one token")
    answers = [_opened(request, decode) for request in requests]
    for at, answer in enumerate(answers):
        if answer.request.max_new_tokens < 1:
            answer.finish = "length"
            yield Piece(at, -1, 0.0, answer.done())
    longest = max((len(request.prompt) + request.max_new_tokens for request in requests), default=0)
    masks = body.takes_masks(longest)
    same = shared_prefix(given) if masks else 0
    prefix = body.computed_prefix(given[0][:same]) if same else body.beginning
    order = sorted((at for at, each in enumerate(answers) if each.finish is None), key=lambda at: len(given[at]))
    for batch in _batches(order, requests, batch_tokens=batch_tokens, mixed=masks):
        cache = growing_cache(prefix, len(batch), config=body.config)
        own = [given[index][same:] for index in batch]
        rows = _begin(body, own, [answers[index] for index in batch], cache, same + body.virtual_tokens)
        yield from _go_on(body, *rows, number={id(answers[index]): index for index in batch})


def _opened(request: Request, decode: Decode | None) -> Answer:
    if request.stop_strings and decode is None:
        raise ValueError("stop strings need a decoder of tokens")
    wording = Wording(decode, request.stop_strings) if decode is not None and request.stop_strings else None
    drawn = 0 if request.sampling.greedy else max(request.max_new_tokens, 0)
    return Answer(request, uniforms(request.sampling, drawn), wording)


def _batches(order: list[int], requests: Sequence[Request], *, batch_tokens: int, mixed: bool) -> Iterator[list[int]]:
    """Prompts of similar length together; of equal length where the model cannot tell padding (`mixed` False)."""
    batch: list[int] = []
    most = 0
    for index in order:
        most = max(most if batch else 0, len(requests[index].prompt) + requests[index].max_new_tokens)
        full = (len(batch) + 1) * most > HELD * batch_tokens
        differs = bool(batch) and not mixed and len(requests[batch[0]].prompt) != len(requests[index].prompt)
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
        mask=body.causal(longest, prefix),
        cache=cache,
    )
    seen = None
    if min(map(len, prompts)) < longest:
        own = places[None] < lengths[:, None]
        seen = torch.cat([own.new_ones(len(prompts), prefix), own], dim=1)
    last = hidden[torch.arange(len(prompts), device=body.device), lengths - 1]
    return Rows(list(answers), lengths + prefix, seen, cache), last


def _go_on(body: Body, rows: Rows, last: Tensor, *, number: dict[int, int]) -> Iterator[Piece]:
    """Add tokens until every row has ended."""
    while True:
        chosen, values = _choose(body, rows, last)
        for answer, token, value in zip(list(rows.answers), chosen.tolist(), values.tolist(), strict=True):
            before = len(answer.tokens)
            answer.take(token, value)
            if len(answer.tokens) > before:
                yield Piece(number[id(answer)], token, value)
            if answer.finish is not None:
                yield Piece(number[id(answer)], -1, 0.0, answer.done())
        chosen = _leave(rows, chosen)
        if not rows.answers:
            return
        last = _step(body, rows, chosen)


def _choose(body: Body, rows: Rows, last_BC: Tensor) -> Chosen:
    """The next token of each row and its log-probability under the model."""
    logits_BV = body.logits(last_BC)
    settings = [answer.request.sampling for answer in rows.answers]
    used = None
    if any(each.repetition_penalty != 1 for each in settings):
        used = torch.zeros_like(logits_BV, dtype=torch.bool)
        for at, answer in enumerate(rows.answers):
            used[at, torch.tensor([*answer.request.prompt, *answer.tokens], device=body.device)] = True
    uniform = [each.uniforms[len(each.tokens)] if len(each.uniforms) else 0.0 for each in rows.answers]
    return choose(logits_BV, wishes_of(settings, uniform, used=used, device=body.device))


def _leave(rows: Rows, chosen: Tensor) -> Tensor:
    """Take rows that ended out of the batch and its cache; returns the tokens of those that stay."""
    stay = [at for at, answer in enumerate(rows.answers) if answer.finish is None]
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
