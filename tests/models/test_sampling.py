"""What top-k, top-p, temperature and penalty leave, against Transformers' processors; and what a seed draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from transformers import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from tunewright.core.language_model import Sampling
from tunewright.models.sampling import candidates, choose, penalised, uniforms, wishes_of

CPU = torch.device("cpu")
V = 3000


def logits(seed: int, rows: int = 5, spread: float = 4.0) -> torch.Tensor:
    return torch.randn(rows, V, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * spread


def theirs(scores: torch.Tensor, used: torch.Tensor, asked: Sampling) -> torch.Tensor:
    """Probabilities [N, V] after Transformers' processors in the order of its `generate`."""
    chain: list[Any] = [RepetitionPenaltyLogitsProcessor(float(asked.repetition_penalty))]
    chain += [TemperatureLogitsWarper(float(asked.temperature))]
    chain += [TopKLogitsWarper(asked.top_k)] if asked.top_k else []
    chain += [TopPLogitsWarper(asked.top_p)] if asked.top_p < 1 else []
    for step in chain:
        scores = step(used, scores)
    return scores.softmax(-1)


def ours(scores: torch.Tensor, used: torch.Tensor, asked: Sampling) -> torch.Tensor:
    """The same from `candidates`."""
    mask = torch.zeros_like(scores, dtype=torch.bool).scatter_(1, used, value=True)
    shifted = penalised(
        scores, used_RV=mask, penalty_R=torch.full((len(scores),), asked.repetition_penalty, dtype=torch.float64)
    )
    rows = len(scores)
    if not asked.top_k and asked.top_p == 1:
        return (shifted / asked.temperature).softmax(-1)
    p, tokens = candidates(
        shifted / asked.temperature,
        top_k=torch.full((rows,), asked.top_k),
        top_p=torch.full((rows,), asked.top_p, dtype=torch.float64),
    )
    return torch.zeros_like(scores).scatter_add_(1, tokens, p)


@pytest.mark.parametrize("spread", [0.01, 1.0, 4.0])
@pytest.mark.parametrize(
    "asked",
    [
        Sampling(temperature=1),
        Sampling(temperature=0.5, top_k=7),
        Sampling(temperature=1.3, top_p=0.9),
        Sampling(temperature=2, top_k=2000, top_p=0.95, repetition_penalty=1.4),
        Sampling(temperature=0.8, top_k=1),
        Sampling(temperature=1, top_p=1e-6, repetition_penalty=0.7),
    ],
)
def test_probabilities_are_those_of_the_library(asked: Sampling, spread: float) -> None:
    scores = logits(1, spread=spread)
    used = torch.randint(0, V, (5, 40), generator=torch.Generator().manual_seed(2))
    assert (ours(scores, used, asked) - theirs(scores.clone(), used, asked)).abs().max() < 1e-9


def test_draws_follow_the_probabilities() -> None:
    asked = Sampling(temperature=1.2, top_k=8, top_p=0.97)
    row = logits(4, rows=1, spread=1.0)
    wanted = theirs(row.clone(), torch.zeros(1, 1, dtype=torch.long), asked)[0]
    count = 20_000
    drawn = uniforms(Sampling(temperature=1, seed=9), count)
    rows = row.expand(500, -1)
    tokens = torch.cat(
        [choose(rows, wishes_of([asked] * 500, part, used=None, device=CPU)).tokens for part in drawn.reshape(-1, 500)]
    )
    seen = np.bincount(tokens.numpy(), minlength=V)
    kept = wanted.numpy() > 0
    assert seen[~kept].sum() == 0
    assert chisquare(seen[kept], wanted.numpy()[kept] * count).pvalue > 1e-4


def test_a_row_draws_the_same_whoever_is_beside_it() -> None:
    scores = logits(7, rows=6)
    settings = [
        Sampling(),
        Sampling(temperature=1),
        Sampling(temperature=0.3, top_k=4),
        Sampling(temperature=1, top_p=0.5),
        Sampling(repetition_penalty=1.8),
        Sampling(temperature=1.7, top_k=50, top_p=0.9),
    ]
    drawn = [0.1, 0.9, 0.4, 0.77, 0.2, 0.63]
    used = torch.zeros_like(scores, dtype=torch.bool)
    used[:, ::3] = True
    together = choose(scores, wishes_of(settings, drawn, used=used, device=CPU))
    for at, setting in enumerate(settings):
        alone = choose(
            scores[at : at + 1], wishes_of([setting], drawn[at : at + 1], used=used[at : at + 1], device=CPU)
        )
        assert alone.tokens[0] == together.tokens[at]
        model = scores[at].log_softmax(-1)[together.tokens[at]]
        assert float(together.log_probabilities[at]) == pytest.approx(float(model), abs=1e-9)


def test_a_row_that_is_not_finite_is_marked_and_harms_nobody() -> None:
    scores = logits(3, rows=3)
    scores[1, 5] = torch.nan
    chosen = choose(scores, wishes_of([Sampling(temperature=1)] * 3, [0.5] * 3, used=None, device=CPU))
    assert chosen.log_probabilities.isfinite().tolist() == [True, False, True]
    scores[1] = -torch.inf
    greedy = choose(scores, None)
    assert greedy.log_probabilities.isfinite().tolist() == [True, False, True]


@pytest.mark.parametrize("edge", [0.0, 1 - 2**-53])
def test_the_ends_of_the_unit_interval_draw_possible_tokens(edge: float) -> None:
    scores = torch.full((1, V), -torch.inf, dtype=torch.float64)
    scores[0, [10, 20]] = 0.0
    scores = scores.clamp(min=-1e4)
    for asked in (Sampling(temperature=1), Sampling(temperature=1, top_p=0.99)):
        chosen = choose(scores, wishes_of([asked], [edge], used=None, device=CPU))
        assert int(chosen.tokens[0]) in (10, 20)


def test_a_seed_gives_the_same_numbers() -> None:
    assert uniforms(Sampling(temperature=1, seed=3), 5).tolist() == uniforms(Sampling(seed=3), 9)[:5].tolist()
    assert uniforms(Sampling(seed=3), 5).tolist() != uniforms(Sampling(seed=4), 5).tolist()
