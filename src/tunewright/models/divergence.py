"""How far a model's next-token distributions are from a teacher's, of which the likeliest tokens are known.

What is beyond the likeliest counts as one more outcome, so that both sides sum to 1; the divergence of these is at most
that of the whole distributions (data processing inequality). Shapes: N positions, K likeliest tokens, C width,
V vocabulary.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

CHUNK = 256
"""Positions a chunk; their scores are computed again in the backward pass, not kept."""
LEAST = 1e-9
"""Probability below which what is beyond the likeliest is not told from nothing."""

Direction = Literal["forward", "reverse"]


class Likeliest(NamedTuple):
    """The likeliest next tokens: ids int32 [N, K] and their log-probabilities [N, K], in nats."""

    tokens: Tensor
    log_probabilities: Tensor


def likeliest(hidden_NC: Tensor, head_VC: Tensor, *, count: int, temperature: float) -> Likeliest:
    """The likeliest tokens at each position, of scores divided by a temperature."""
    ids, values = [], []
    for start in range(0, len(hidden_NC), CHUNK):
        found = _scores(hidden_NC[start : start + CHUNK], head_VC, temperature).log_softmax(-1).topk(count, -1)
        ids.append(found.indices.to(torch.int32))
        values.append(found.values)
    return Likeliest(torch.cat(ids), torch.cat(values))


def divergence(
    hidden_NC: Tensor, head_VC: Tensor, *, teacher: Likeliest, temperature: float, direction: Direction
) -> Tensor:
    """KL divergence at each position [N], in nats: of the teacher from the model (forward) or the other way round."""
    parts = []
    for start in range(0, len(hidden_NC), CHUNK):
        part = slice(start, start + CHUNK)
        known = Likeliest(teacher.tokens[part].long(), teacher.log_probabilities[part])
        parts.append(
            checkpoint(_divergence, hidden_NC[part], head_VC, known, temperature, direction, use_reentrant=False)
        )
    return torch.cat(parts)


def _divergence(hidden: Tensor, head: Tensor, teacher: Likeliest, temperature: float, direction: Direction) -> Tensor:
    scores = _scores(hidden, head, temperature)
    own = scores.gather(1, teacher.tokens) - scores.logsumexp(-1, keepdim=True)
    ours, theirs = (_whole(each) for each in (own, teacher.log_probabilities.to(own.dtype)))
    one, other = (theirs, ours) if direction == "forward" else (ours, theirs)
    return (one.exp() * (one - other)).sum(-1)


def _scores(hidden: Tensor, head: Tensor, temperature: float) -> Tensor:
    scores = hidden @ head.T
    wide = torch.float64 if scores.dtype == torch.float64 else torch.float32
    return scores.to(wide) / temperature


def _whole(log_NK: Tensor) -> Tensor:
    """With one more outcome for all that is not listed, [N, K + 1]."""
    rest = (1 - log_NK.exp().sum(-1, keepdim=True)).clamp(min=LEAST)
    return torch.cat([log_NK, rest.log()], -1)
