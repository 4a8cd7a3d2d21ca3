"""Intervals of one model: shares against statsmodels, metrics against their truth, and what cannot be said."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_1samp
from statsmodels.stats.proportion import proportion_confint

from tunewright.stats.single import metric_interval, share_interval


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def as_sums(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values.astype(float), np.ones(len(values))])


@pytest.mark.parametrize("seed", range(10))
def test_share_interval_equals_statsmodels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 5000))
    right = int(generator.integers(0, n + 1))
    assert share_interval(right, n) == pytest.approx(proportion_confint(right, n, method="beta"), abs=1e-9)


@pytest.mark.parametrize(("right", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_counts_are_refused(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="needs rows"):
        share_interval(right, n)


@pytest.mark.parametrize("level", [0.0, 1.0, float("nan")])
def test_impossible_levels_are_refused(level: float) -> None:
    with pytest.raises(ValueError, match="level"):
        share_interval(1, 3, level=level)


def test_a_share_of_right_rows_is_exact_whatever_the_metric_is_called() -> None:
    right = np.array([1, 1, 1, 0, 1, 1, 1, 1])
    assert metric_interval(as_sums(right), value=mean, seed=0) == share_interval(7, 8)
    assert metric_interval(as_sums(np.ones(12)), value=mean, seed=0) == share_interval(12, 12)


def test_interval_of_a_mean_is_close_to_the_t_interval_and_scipys_bca() -> None:
    values = np.random.default_rng(1).normal(3, 2, 400)
    ours = metric_interval(as_sums(values), value=mean, seed=0)
    assert ours == pytest.approx(tuple(ttest_1samp(values, 0).confidence_interval()), abs=0.03)
    theirs = bootstrap((values,), np.mean, n_resamples=5_000, rng=0).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.03)


def test_interval_follows_a_skewed_loss_further_up_than_down() -> None:
    values = np.random.default_rng(2).lognormal(0, 1, 100)
    found = metric_interval(as_sums(values), value=mean, seed=0)
    assert found is not None
    assert found[1] - values.mean() > 1.1 * (values.mean() - found[0])


def test_the_same_seed_gives_the_same_interval() -> None:
    sums = as_sums(np.random.default_rng(3).exponential(1, 70))
    assert metric_interval(sums, value=mean, seed=4) == metric_interval(sums, value=mean, seed=4)
    assert metric_interval(sums, value=mean, seed=4) != metric_interval(sums, value=mean, seed=5)


def test_rows_that_are_all_alike_are_a_point_unless_bounds_are_known() -> None:
    sums = as_sums(np.full(50, 3.0))
    assert metric_interval(sums, value=mean, seed=0) == (3.0, 3.0)
    low, high = metric_interval(sums, value=mean, seed=0, bounds=(0, 10)) or (3.0, 3.0)
    unseen = 1 - 0.025 ** (1 / 50)
    assert (low, high) == pytest.approx((3 - 3 * unseen, 3 + 7 * unseen))


def test_bounds_hold_the_interval() -> None:
    values = np.array([0.0, 0.0, 0.1, 0.0, 0.9, 0.0, 0.0, 0.0])
    free = metric_interval(as_sums(values), value=mean, seed=0)
    held = metric_interval(as_sums(values), value=mean, seed=0, bounds=(0.0, 0.4))
    assert free is not None
    assert free[1] > 0.4
    assert held is not None
    assert held[0] >= 0
    assert held[1] == 0.4


@pytest.mark.parametrize(
    "values",
    [np.array([]), np.array([2.5]), np.array([1.0, np.nan, 2.0]), np.array([1.0, np.inf, 2.0]), np.arange(5) * 2.0],
    ids=["no row", "one row", "NaN", "infinite", "five rows"],
)
def test_what_cannot_be_said_is_not_said(values: np.ndarray) -> None:
    assert metric_interval(as_sums(values), value=mean, seed=0) is None
