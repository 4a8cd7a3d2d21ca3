"""Paired statistics against scipy and statsmodels, and their promises on data whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, ttest_rel
from statsmodels.stats.contingency_tables import mcnemar as reference

from tunewright.stats.paired import (
    bootstrap_interval,
    difference_interval,
    mcnemar,
    p_above,
    paired_share_interval,
    permutation_p,
)


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def as_sums(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values.astype(float), np.ones(len(values))])


@pytest.mark.parametrize("seed", range(20))
def test_mcnemar_equals_statsmodels_exact(seed: int) -> None:
    generator = np.random.default_rng(seed)
    size = int(generator.integers(1, 400))
    base = generator.random(size) < generator.random()
    other = generator.random(size) < generator.random()
    table = [
        [int(np.sum(base & other)), int(np.sum(base & ~other))],
        [int(np.sum(~base & other)), int(np.sum(~base & ~other))],
    ]
    found = mcnemar(base, other)
    assert (found.only_base, found.only_other) == (table[0][1], table[1][0])
    if table[0][1] + table[1][0]:
        assert found.p == pytest.approx(reference(table, exact=True).pvalue, rel=1e-9)


def test_mcnemar_of_equal_answers_is_one() -> None:
    right = np.array([True, False, True])
    assert mcnemar(right, right) == (0, 0, 1.0)


def test_unequal_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="same rows"):
        mcnemar(np.ones(3, dtype=bool), np.ones(4, dtype=bool))


def test_interval_agrees_with_scipy_bca() -> None:
    generator = np.random.default_rng(1)
    base, other = generator.exponential(1.0, 120), generator.exponential(1.3, 120)
    ours = bootstrap_interval(as_sums(base), as_sums(other), value=mean, seed=0)
    theirs = bootstrap(
        (base, other), lambda x, y, axis: y.mean(axis) - x.mean(axis), paired=True, n_resamples=20_000, rng=0
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.02)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for seed in range(300):
        base = generator.random(80) < 0.5
        other = np.where(generator.random(80) < 0.6, base, generator.random(80) < 0.8)
        low, high = bootstrap_interval(as_sums(base), as_sums(other), value=mean, seed=seed, resamples=1_000)
        covered += low <= 0.4 * (0.8 - 0.5) <= high
    assert 0.91 <= covered / 300 <= 0.98


def test_interval_and_p_are_the_same_each_time() -> None:
    generator = np.random.default_rng(3)
    base, other = as_sums(generator.random(50)), as_sums(generator.random(50))
    assert bootstrap_interval(base, other, value=mean, seed=5) == bootstrap_interval(base, other, value=mean, seed=5)
    assert permutation_p(base, other, value=mean, seed=5) == permutation_p(base, other, value=mean, seed=5)


def test_no_difference_gives_a_point_and_p_one() -> None:
    same = as_sums(np.arange(10.0))
    assert bootstrap_interval(same, same, value=mean, seed=0) == (0.0, 0.0)
    assert permutation_p(same, same, value=mean, seed=0) == 1.0


def test_too_few_rows_and_numbers_that_are_none_have_no_interval() -> None:
    one, broken = as_sums(np.ones(1)), as_sums(np.array([1.0, np.inf, 2.0]))
    assert bootstrap_interval(one, one, value=mean, seed=0) is None
    assert bootstrap_interval(as_sums(np.ones(3)), broken, value=mean, seed=0) is None
    assert permutation_p(as_sums(np.ones(3)), broken, value=mean, seed=0) is None


def test_permutation_agrees_with_all_sign_flips() -> None:
    generator = np.random.default_rng(4)
    base, other = generator.random(10), generator.random(10) + 0.2
    flips = np.array([[1 if number >> bit & 1 else -1 for bit in range(10)] for number in range(1024)])
    gaps = np.abs(flips @ (other - base))
    exact = np.mean(gaps >= abs((other - base).sum()) - 1e-12)
    assert permutation_p(as_sums(base), as_sums(other), value=mean, seed=0) == pytest.approx(exact, abs=0.015)


def test_p_is_uniform_where_nothing_differs() -> None:
    generator = np.random.default_rng(6)
    found = [
        permutation_p(
            as_sums(generator.normal(size=30)), as_sums(generator.normal(size=30)), value=mean, seed=seed, rounds=500
        )
        for seed in range(300)
    ]
    assert 0.02 <= np.mean(np.array(found) <= 0.05) <= 0.09


def test_many_rows_stay_within_memory_and_time() -> None:
    generator = np.random.default_rng(7)
    base = generator.random(30_000) < 0.5
    low, high = bootstrap_interval(as_sums(base), as_sums(base | (generator.random(30_000) < 0.1)), value=mean, seed=0)
    assert 0.04 < low < high < 0.06


def test_interval_of_shares_depends_on_what_changed_alone() -> None:
    base, other = np.zeros(50, dtype=bool), np.zeros(50, dtype=bool)
    base[:4], other[10:20] = True, True
    both = paired_share_interval(base, other)
    assert both[0] < 6 / 50 < both[1]
    base[30:], other[30:] = True, True
    assert paired_share_interval(base, other) == both
    low, high = paired_share_interval(other, base)
    assert (low, high) == pytest.approx((-both[1], -both[0]), abs=2e-5)


def test_interval_of_shares_goes_over_from_exact_to_score_without_a_jump() -> None:
    generator = np.random.default_rng(8)
    base = generator.random(200) < 0.6
    other = np.where(generator.random(200) < 0.7, base, generator.random(200) < 0.8)
    few, many = paired_share_interval(base[:199], other[:199]), paired_share_interval(base, other)
    assert few == pytest.approx(many, abs=0.01)


@pytest.mark.parametrize("rows", [0, 3])
def test_an_interval_needs_rows_and_a_level(rows: int) -> None:
    right = np.ones(rows, dtype=bool)
    with pytest.raises(ValueError, match="needs rows and a level"):
        paired_share_interval(right, right, level=0.95 if not rows else 1.0)


@pytest.mark.parametrize("rows", [30, 400])
def test_difference_of_right_and_wrong_rows_is_the_interval_of_shares(rows: int) -> None:
    generator = np.random.default_rng(rows)
    base, other = generator.random((2, rows)) < 0.7
    assert difference_interval(as_sums(base), as_sums(other), value=mean, seed=0) == paired_share_interval(base, other)


def test_difference_of_means_inverts_every_sign_flip() -> None:
    """Nine rows: a supposed difference is inside exactly when more than 2.5 % of all flips are as far on each side."""
    generator = np.random.default_rng(9)
    base, other = generator.normal(size=9), generator.normal(0.5, 2, size=9)
    low, high = difference_interval(as_sums(base), as_sums(other), value=mean, seed=0)
    flips = np.array([[1 if number >> bit & 1 else -1 for bit in range(9)] for number in range(512)])

    def p(supposed: float, side: int) -> float:
        gaps = side * (other - base - supposed)
        return float(np.mean(flips @ gaps >= gaps.sum() - 1e-12))

    assert p(low - 1e-6, 1) <= 0.025 < p(low + 1e-6, 1)
    assert p(high + 1e-6, -1) <= 0.025 < p(high - 1e-6, -1)
    assert p_above(as_sums(base), as_sums(other), value=mean, than=0.3, seed=0) == pytest.approx(p(0.3, 1))


def test_difference_interval_and_permutation_test_say_the_same() -> None:
    generator = np.random.default_rng(10)
    said = []
    for seed in range(60):
        base, other = as_sums(generator.exponential(1, 80)), as_sums(generator.exponential(1.3, 80))
        low, high = difference_interval(base, other, value=mean, seed=seed)
        p = permutation_p(base, other, value=mean, seed=seed)
        if abs(p - 0.05) > 0.01:
            said.append((p < 0.05, not low <= 0 <= high))
    assert all(by_p == by_interval for by_p, by_interval in said)
    assert len(set(said)) == 2


def test_difference_interval_of_normal_rows_is_the_t_interval() -> None:
    base, other = np.random.default_rng(11).normal(size=(2, 500))
    ours = difference_interval(as_sums(base), as_sums(other), value=mean, seed=0)
    assert ours == pytest.approx(tuple(ttest_rel(other, base).confidence_interval()), abs=0.005)


def test_equal_differences_are_a_point_unless_bounds_are_known() -> None:
    base = as_sums(np.arange(40.0) / 40)
    assert difference_interval(base, base, value=mean, seed=0) == (0.0, 0.0)
    unseen = 1 - 0.025 ** (1 / 40)
    held = difference_interval(base, base, value=mean, seed=0, bounds=(0.0, 1.0))
    assert held == pytest.approx((-unseen, unseen))


def test_few_rows_and_numbers_that_are_none_have_no_difference_interval() -> None:
    generator = np.random.default_rng(12)
    for base, other in [
        (np.full(1, 0.5), np.full(1, 0.7)),
        (generator.random(5), generator.random(5)),
        (np.ones(9), np.append(generator.random(8), np.nan)),
        (np.array([]), np.array([])),
    ]:
        assert difference_interval(as_sums(base), as_sums(other), value=mean, seed=0) is None
    assert p_above(as_sums(np.ones(1)), as_sums(np.full(1, 2.5)), value=mean, than=0.0, seed=0) is None
    with pytest.raises(ValueError, match="same rows"):
        difference_interval(as_sums(np.ones(3)), as_sums(np.ones(4)), value=mean, seed=0)


def test_p_of_shares_is_one_beyond_what_shares_can_differ() -> None:
    base, other = as_sums(np.zeros(30)), as_sums(np.ones(30))
    assert p_above(base, other, value=mean, than=1.0, seed=0) == 1.0
    assert p_above(other, base, value=mean, than=-1.0, seed=0) == 0.0
    assert p_above(base, other, value=mean, than=0.0, seed=0) < 1e-3
