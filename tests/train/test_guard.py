"""The guard's rules, without a model: what counts as trouble, and that its state survives."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tunewright.recipe.training import GuardOptions
from tunewright.train.guard import Guard


def seen(guard: Guard, losses: list[float]) -> Guard:
    for loss in losses:
        guard.passed(loss)
    return guard


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_is_trouble_from_the_first_step(loss: float) -> None:
    assert "the loss is" in Guard(GuardOptions()).trouble(loss, 1.0)


@pytest.mark.parametrize("norm", [math.nan, math.inf])
def test_a_gradient_that_is_no_number_is_trouble(norm: float) -> None:
    assert "the gradient norm is" in Guard(GuardOptions()).trouble(1.0, norm)


def test_a_spike_is_measured_against_median_and_spread() -> None:
    losses = np.random.default_rng(0).normal(3.0, 1.0, 50)
    guard = seen(Guard(GuardOptions(window=50, spike=6.0)), losses.tolist())
    median = np.median(losses)
    limit = median + 6.0 * 1.4826 * np.median(np.abs(losses - median))
    assert guard.limit() == pytest.approx(limit)
    assert guard.trouble(limit - 1e-6, 1.0) == ""
    assert "over the limit" in guard.trouble(limit + 1e-6, 1.0)


def test_losses_that_hardly_vary_leave_three_nats_of_room() -> None:
    guard = seen(Guard(GuardOptions()), [0.01] * 50)
    assert guard.limit() == pytest.approx(3.01)


def test_nothing_is_a_spike_before_a_fifth_of_the_window() -> None:
    guard = seen(Guard(GuardOptions(window=50)), [1.0] * 9)
    assert guard.trouble(1e9, 1.0) == ""
    guard.passed(1.0)
    assert guard.trouble(1e9, 1.0) != ""


def test_only_the_window_counts() -> None:
    guard = seen(Guard(GuardOptions(window=5)), [100.0] * 20 + [1.0] * 5)
    assert guard.losses == [1.0] * 5


def test_decisions_are_counted_and_limited() -> None:
    guard = Guard(GuardOptions(limit=2, rate_factor=0.25))
    guard.skipped(3, "a")
    assert guard.may_act()
    guard.lowered(4, "b")
    assert not guard.may_act()
    assert guard.rate == 0.25
    assert not Guard(GuardOptions(action="stop")).may_act()


def test_the_state_passes_through_json_exactly() -> None:
    guard = seen(Guard(GuardOptions()), np.random.default_rng(1).random(30).tolist())
    guard.lowered(9, "the loss is nan")
    again = Guard(GuardOptions())
    again.restore(json.loads(json.dumps(guard.state())))
    assert again.state() == guard.state()
    assert again.limit() == guard.limit()
