"""The next token of each row: greedy or drawn, with one number of its own randomness a token, all rows at once.

The order is Transformers': repetition penalty, temperature, top-k, top-p. Log-probabilities are those of the model
itself, before any of these. Shapes: R rows, V vocabulary, W candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tunewright.core.language_model import Sampling

CANDIDATES = 1024
"""Sorted this far first; a nucleus that is wider sorts the whole vocabulary."""


class Chosen(NamedTuple):
    """`tokens` int64 [R]; `log_probabilities` float [R], NaN where a row's scores are not finite."""

    tokens: Tensor
    log_probabilities: Tensor


@dataclass(frozen=True)
class Wishes:
    """How the rows of a step want their token, as columns. `drawn`: which rows draw; `used` bool [R, V] or None."""

    drawn: Tensor
    temperature: Tensor
    top_k: Tensor
    top_p: Tensor
    penalty: Tensor
    uniform: Tensor
    used: Tensor | None


def uniforms(sampling: Sampling, count: int) -> NDArray[np.float64]:
    """The random numbers in [0, 1) of a row's tokens, from its seed alone: neighbours and batches change nothing."""
    return np.random.Generator(np.random.Philox(sampling.seed)).random(count)


def wishes_of(
    rows: Sequence[Sampling], uniform: Sequence[float], *, used: Tensor | None, device: torch.device
) -> Wishes | None:
    """The columns of some rows; None when all of them are greedy without a penalty."""
    if all(row.greedy and row.repetition_penalty == 1 for row in rows):
        return None
    columns = [
        [row.temperature or 1.0 for row in rows],
        [row.top_p for row in rows],
        [row.repetition_penalty for row in rows],
        list(uniform),
    ]
    temperature, top_p, penalty, drawn_at = torch.tensor(columns, dtype=torch.float64, device=device)
    return Wishes(
        drawn=torch.tensor([at for at, row in enumerate(rows) if not row.greedy], dtype=torch.long, device=device),
        temperature=temperature,
        top_k=torch.tensor([row.top_k for row in rows], device=device),
        top_p=top_p,
        penalty=penalty,
        uniform=drawn_at,
        used=used,
    )


def choose(logits_RV: Tensor, wishes: Wishes | None) -> Chosen:
    """A token for each row and its log-probability under the model. Scores are float32 at least."""
    log_z = logits_RV.logsumexp(-1)
    if wishes is None:
        best = logits_RV.max(-1)
        return Chosen(best.indices, best.values - log_z)
    shifted = logits_RV
    if wishes.used is not None:
        shifted = penalised(logits_RV, used_RV=wishes.used, penalty_R=wishes.penalty)
    tokens = shifted.argmax(-1)
    if len(wishes.drawn):
        tokens[wishes.drawn] = _drawn(shifted[wishes.drawn], wishes)
    return Chosen(tokens, logits_RV.gather(1, tokens[:, None])[:, 0] - log_z)


def penalised(logits_RV: Tensor, *, used_RV: Tensor, penalty_R: Tensor) -> Tensor:
    """Scores of used tokens divided by the penalty where positive, multiplied where negative (Keskar et al., 2019)."""
    factor = penalty_R[:, None].to(logits_RV.dtype)
    changed = torch.where(logits_RV > 0, logits_RV / factor, logits_RV * factor)
    return torch.where(used_RV, changed, logits_RV)


def _drawn(logits_NV: Tensor, wishes: Wishes) -> Tensor:
    """One token a drawing row: the one under which its random number falls.

    Rows that nothing cuts count tokens in the vocabulary's order, others from the likeliest on: each row by its own
    settings, so that neighbours change nothing.
    """
    rows = wishes.drawn
    scaled = logits_NV.double() / wishes.temperature[rows, None]
    top_k, top_p, uniform = wishes.top_k[rows], wishes.top_p[rows], wishes.uniform[rows]
    finite = torch.isfinite(scaled).all(-1)
    scaled = torch.where(finite[:, None], scaled, 0.0)
    cut = (top_k > 0) | (top_p < 1)
    found = torch.empty(len(rows), dtype=torch.long, device=scaled.device)
    if not bool(cut.all()):
        found[~cut] = _under(scaled[~cut].softmax(-1), uniform[~cut])
    if bool(cut.any()):
        values, tokens = candidates(scaled[cut], top_k=top_k[cut], top_p=top_p[cut])
        found[cut] = tokens.gather(1, _under(values, uniform[cut])[:, None])[:, 0]
    return found


def candidates(scaled_NV: Tensor, *, top_k: Tensor, top_p: Tensor) -> tuple[Tensor, Tensor]:
    """Probabilities [N, W] of the tokens [N, W] that top-k and top-p leave, sorted, and 0 behind them.

    Every row must be cut by one of the two.
    """
    vocabulary = scaled_NV.shape[1]
    wide = min(vocabulary, max(CANDIDATES, int(top_k.max())))
    values, tokens = scaled_NV.topk(wide, sorted=True)
    limit = torch.where(top_k == 0, wide, top_k)[:, None]
    rank = torch.arange(wide, device=scaled_NV.device)[None]
    kept = torch.where(rank < limit, values, -torch.inf)
    total = torch.where(top_k == 0, scaled_NV.logsumexp(-1), kept.logsumexp(-1))
    p = (kept - total[:, None]).exp()
    before = p.cumsum(-1) - p
    nucleus = before < top_p[:, None]
    nucleus[:, 0] = True
    short = (top_k == 0) & (top_p < 1) & (p.sum(-1) < top_p)
    if wide < vocabulary and bool(short.any()):
        return _whole(scaled_NV, top_k, top_p)
    p = torch.where(nucleus, p, 0.0)
    return p / p.sum(-1, keepdim=True), tokens


def _whole(scaled_NV: Tensor, top_k: Tensor, top_p: Tensor) -> tuple[Tensor, Tensor]:
    """The same over the whole vocabulary."""
    values, tokens = scaled_NV.sort(-1, descending=True)
    limit = torch.where(top_k == 0, values.shape[1], top_k)[:, None]
    rank = torch.arange(values.shape[1], device=scaled_NV.device)[None]
    p = torch.where(rank < limit, values, -torch.inf).softmax(-1)
    nucleus = p.cumsum(-1) - p < top_p[:, None]
    nucleus[:, 0] = True
    p = torch.where(nucleus, p, 0.0)
    return p / p.sum(-1, keepdim=True), tokens


def _under(p_NW: Tensor, uniform_N: Tensor) -> Tensor:
    """The first place where the sum of probabilities exceeds the random number; never one of probability 0."""
    sums = p_NW.cumsum(-1)
    found = torch.searchsorted(sums, uniform_N[:, None] * sums[:, -1:], right=True)[:, 0]
    return torch.minimum(found, (sums < sums[:, -1:]).sum(-1))
