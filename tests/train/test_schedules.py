"""Schedules against Transformers' own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

from tunewright.recipe.options.schedules.cosine import Options as CosineOptions
from tunewright.recipe.options.schedules.linear import Options as LinearOptions
from tunewright.train.schedules.cosine import Work as Cosine
from tunewright.train.schedules.linear import Work as Linear

CASES = [
    (Linear, LinearOptions, get_linear_schedule_with_warmup),
    (Cosine, CosineOptions, get_cosine_schedule_with_warmup),
]


@pytest.mark.parametrize(("work", "options", "library"), CASES, ids=["linear", "cosine"])
def test_the_fall_is_the_librarys(work: Any, options: Any, library: Any) -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    theirs = library(optimiser, num_warmup_steps=0, num_training_steps=50)
    ours = work(options(warmup=0))
    for step in range(1, 51):
        assert ours.factor(step, 50) == pytest.approx(theirs.get_last_lr()[0], abs=1e-12)
        optimiser.step()
        theirs.step()


@pytest.mark.parametrize(("work", "options", "_library"), CASES, ids=["linear", "cosine"])
def test_warm_up_rises_from_above_zero_to_the_top_and_ends_at_the_floor(work: Any, options: Any, _library: Any) -> None:
    ours = work(options(warmup=0.2, floor=0.1))
    factors = [ours.factor(step, 50) for step in range(1, 51)]
    assert factors[0] > 0
    assert factors[:11] == sorted(factors[:11])
    assert factors[10] == 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0.1 <= factors[-1] < 0.15
    assert work(options(warmup=10)).factor(5, 50) == pytest.approx(5 / 11)
