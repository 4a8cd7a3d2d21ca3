"""Schedules against Transformers' own.

Theirs counts updates from 0, ours from 1, and theirs begins a warm-up at a rate of zero, which wastes an update: our
rise over w steps is theirs over w + 1, without its first. The falls are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from transformers import (
    get_constant_schedule_with_warmup,
    get_cosine_schedule_with_warmup,
    get_cosine_with_hard_restarts_schedule_with_warmup,
    get_linear_schedule_with_warmup,
    get_wsd_schedule,
)

from tunewright.core import catalog

TOTAL = 50
FALLING = 13


def wsd(optimiser: Any, warmup: int, total: int, *, decay_type: str) -> Any:
    return get_wsd_schedule(
        optimiser, num_warmup_steps=warmup, num_decay_steps=FALLING, num_training_steps=total, decay_type=decay_type
    )


CASES: list[tuple[str, dict[str, Any], Callable[..., Any]]] = [
    ("linear", {}, get_linear_schedule_with_warmup),
    ("cosine", {}, get_cosine_schedule_with_warmup),
    ("constant", {}, lambda optimiser, warmup, _total: get_constant_schedule_with_warmup(optimiser, warmup)),
    ("cosine_restarts", {"cycles": 1}, partial(get_cosine_with_hard_restarts_schedule_with_warmup, num_cycles=1)),
    ("cosine_restarts", {"cycles": 3}, partial(get_cosine_with_hard_restarts_schedule_with_warmup, num_cycles=3)),
    ("warmup_stable_decay", {"decay": FALLING, "shape": "linear"}, partial(wsd, decay_type="linear")),
    ("warmup_stable_decay", {"decay": FALLING, "shape": "cosine"}, partial(wsd, decay_type="cosine")),
    ("warmup_stable_decay", {"decay": FALLING, "shape": "one_minus_sqrt"}, partial(wsd, decay_type="1-sqrt")),
]
FALLS = [name for name in catalog.names("schedules") if name not in ("constant", "cosine_restarts")]


def ours(name: str, **given: Any) -> list[float]:
    """Factors of the updates 1 to the last."""
    schedule = catalog.work("schedules", name)(catalog.options("schedules", name)(**given))
    return [schedule.factor(step, TOTAL) for step in range(1, TOTAL + 1)]


def theirs(make: Callable[..., Any], warmup: int) -> list[float]:
    """Factors of their updates 0 to the last."""
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimiser, warmup, TOTAL)
    found: list[float] = []
    for _ in range(TOTAL):
        found.append(schedule.get_last_lr()[0])
        optimiser.step()
        schedule.step()
    return found


@pytest.mark.parametrize(("name", "given", "library"), CASES, ids=[f"{name} {given}" for name, given, _ in CASES])
def test_the_fall_is_the_librarys(name: str, given: dict[str, Any], library: Callable[..., Any]) -> None:
    assert ours(name, warmup=0, **given) == pytest.approx(theirs(library, 0), abs=1e-12)


@pytest.mark.parametrize(("name", "given", "library"), CASES, ids=[f"{name} {given}" for name, given, _ in CASES])
@pytest.mark.parametrize("warmup", [1, 7, 20])
def test_the_rise_is_the_librarys_without_its_update_at_zero(
    name: str, given: dict[str, Any], library: Callable[..., Any], warmup: int
) -> None:
    factors = ours(name, warmup=warmup, **given)
    assert factors[:warmup] == pytest.approx(theirs(library, warmup + 1)[1 : warmup + 1], abs=1e-12)
    assert factors[warmup:] == pytest.approx(theirs(library, warmup)[warmup:], abs=1e-12)


@pytest.mark.parametrize("name", FALLS)
def test_it_rises_to_the_top_and_ends_at_the_floor(name: str) -> None:
    factors = ours(name, warmup=0.2, floor=0.1)
    assert factors[0] > 0
    assert factors[:11] == sorted(factors[:11])
    assert factors[10] == 1.0
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0.1 <= factors[-1] < 0.25
    assert ours(name, warmup=10)[:10] == pytest.approx([step / 11 for step in range(1, 11)])


def test_restarts_begin_at_the_top_and_keep_to_the_floor() -> None:
    factors = ours("cosine_restarts", warmup=0, cycles=5, floor=0.2)
    assert [index for index, factor in enumerate(factors) if factor == 1.0] == [0, 10, 20, 30, 40]
    assert 0.2 <= min(factors) < 0.25


def test_the_plateau_is_what_warm_up_and_fall_leave() -> None:
    factors = ours("warmup_stable_decay", warmup=0.1, decay=0.2)
    assert [index for index, factor in enumerate(factors) if factor == 1.0] == list(range(5, 41))
    never = ours("warmup_stable_decay", warmup=0.1, decay=0)
    assert never[5:] == [1.0] * 45


def test_a_warm_up_that_meets_the_fall_never_reaches_the_top() -> None:
    factors = ours("warmup_stable_decay", warmup=40, decay=20)
    assert factors[:31] == sorted(factors[:31])
    assert factors[30:] == sorted(factors[30:], reverse=True)
    assert max(factors) == pytest.approx(31 / 41)
