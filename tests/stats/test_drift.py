"""Drift tests: statistics against scipy, scikit-learn and formulas written out; p on data with and without drift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import rbf_kernel

from tunewright.stats.classifier import auc, logistic
from tunewright.stats.drift import classifier_drift, ks, mmd, psi


@pytest.mark.parametrize("seed", range(5))
def test_mmd_is_the_unbiased_sum_over_pairs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=(20 + seed, 3)), generator.normal(0.4, 1, size=(31, 3))
    together = np.concatenate([x, y])
    distances = np.linalg.norm(together[:, None] - together[None, :], axis=2)[np.triu_indices(len(together), 1)]
    kernel = rbf_kernel(together, gamma=1 / (2 * np.median(distances) ** 2))
    old, new, between = kernel[: len(x), : len(x)], kernel[len(x) :, len(x) :], kernel[: len(x), len(x) :]
    expected = (old.sum() - np.trace(old)) / (len(x) * (len(x) - 1))
    expected += (new.sum() - np.trace(new)) / (len(y) * (len(y) - 1)) - 2 * between.mean()
    assert mmd(x, y, seed=0, rounds=10).statistic == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_ks_equals_scipy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=80), generator.normal(0.2, 1, size=60)
    theirs = ks_2samp(x, y)
    assert ks(x, y) == pytest.approx((theirs.statistic, theirs.pvalue), abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_psi_is_the_sum_over_deciles_of_the_reference(seed: int) -> None:
    generator = np.random.default_rng(seed)
    x, y = generator.normal(size=500), generator.normal(0.2, 1.2, size=400)
    edges = np.quantile(x, np.arange(1, 10) / 10)
    expected, found = (np.histogram(z, [-np.inf, *edges, np.inf])[0] / len(z) for z in (x, y))
    assert psi(x, y).statistic == pytest.approx(np.sum((found - expected) * np.log(found / expected)), abs=1e-9)


def test_psi_counts_an_empty_bin_as_half_a_row_and_merges_equal_edges() -> None:
    assert np.isfinite(psi(np.arange(100.0), np.full(50, 1_000.0)).statistic)
    same = psi(np.zeros(100), np.zeros(40))
    assert (same.statistic, same.p) == (0.0, 1.0)
    halves = np.repeat([0.0, 1.0], 50)
    assert psi(halves, np.repeat([0.0, 1.0], [10, 90])).statistic == pytest.approx(
        (0.1 - 0.5) * np.log(0.1 / 0.5) + (0.9 - 0.5) * np.log(0.9 / 0.5)
    )


@pytest.mark.parametrize("seed", range(3))
def test_logistic_regression_equals_scikit_learns(seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(150, 4))
    labels = (rows @ generator.normal(size=(4, 3)) + generator.normal(size=(150, 3)) > 0.3).astype(float)
    ours = logistic(rows, labels, ridge=0.5)
    for column in range(3):
        theirs = LogisticRegression(C=2.0, tol=1e-10, max_iter=10_000).fit(rows, labels[:, column])
        assert ours[:, column] == pytest.approx([*theirs.coef_[0], theirs.intercept_[0]], abs=1e-5)


def test_auc_equals_scikit_learns_with_ties() -> None:
    generator = np.random.default_rng(1)
    scores = np.round(generator.normal(size=(90, 4)), 1)
    labels = (generator.random((90, 4)) < 0.3).astype(float)
    theirs = [roc_auc_score(labels[:, column], scores[:, column]) for column in range(4)]
    assert auc(scores, labels) == pytest.approx(theirs, abs=1e-12)
    assert auc(scores[:, :1], np.ones((90, 1))).tolist() == [0.5]


@pytest.mark.parametrize("width", [1, 40])
def test_every_test_finds_a_shift_and_leaves_the_same_law_alone(width: int) -> None:
    generator = np.random.default_rng(2)
    x, y = generator.normal(size=(2, 150, width))
    moved = y + 0.8
    for test in (mmd, classifier_drift):
        assert test(x, y, seed=0).p > 0.01
        assert test(x, moved, seed=0).p < 0.01
    for test in (ks, psi):
        assert test(x[:, 0], y[:, 0]).p > 0.01
        assert test(x[:, 0], moved[:, 0]).p < 0.01


def test_a_change_of_shape_that_no_line_tells_apart_is_found_by_mmd() -> None:
    generator = np.random.default_rng(3)
    x, y = generator.normal(size=(200, 2)), generator.normal(size=(200, 2)) * 2
    assert mmd(x, y, seed=0).p < 0.01
    assert ks(x[:, 0], y[:, 0]).p < 0.01


def test_a_perfect_classifier_reaches_one() -> None:
    found = classifier_drift(np.arange(60.0), np.arange(60.0) + 1_000, seed=0)
    assert found == pytest.approx((1.0, 1 / 201))


def test_the_same_seed_gives_the_same_answer() -> None:
    x, y = np.random.default_rng(4).normal(size=(2, 60, 2))
    assert mmd(x, y, seed=1, rounds=50) == mmd(x, y, seed=1, rounds=50)
    assert classifier_drift(x, y, seed=1, rounds=50) == classifier_drift(x, y, seed=1, rounds=50)


def test_of_very_many_rows_some_are_drawn() -> None:
    x = np.random.default_rng(5).normal(size=(100_000, 2))
    found = classifier_drift(x, x[:50] + 2, seed=1, rounds=9)
    assert found.p == 0.1
    assert found.statistic > 0.9


def test_rows_that_never_vary_show_no_drift() -> None:
    same = np.zeros((12, 3))
    assert mmd(same, same, seed=0).p == 1.0
    assert classifier_drift(same, same, seed=0) == (0.5, 1.0)
    assert ks(same[:, 0], same[:, 0]).p == 1.0


def test_many_equal_rows_and_one_other_still_have_a_scale() -> None:
    x, y = np.zeros(30), np.append(np.zeros(29), 5.0)
    assert 0 < mmd(x, y, seed=0).p <= 1


BROKEN = [
    ([], [1.0, 2.0]),
    ([1.0], [1.0, 2.0]),
    ([1.0, float("nan")], [1.0, 2.0]),
    ([1.0, float("inf")], [1.0, 2.0]),
    ([[1.0, 2.0], [3.0, 4.0]], [1.0, 2.0]),
]


@pytest.mark.parametrize(("x", "y"), BROKEN)
def test_what_is_no_sample_is_refused(x: list, y: list) -> None:
    for test in (ks, psi):
        with pytest.raises(ValueError, match="sample"):
            test(x, y)
    for test in (mmd, classifier_drift):
        with pytest.raises(ValueError, match="sample"):
            test(x, y, seed=0)


def test_tests_of_one_number_refuse_two_and_psi_refuses_one_bin() -> None:
    wide = np.ones((5, 2))
    with pytest.raises(ValueError, match="one number a row"):
        ks(wide, wide)
    with pytest.raises(ValueError, match="two bins"):
        psi(wide[:, 0], wide[:, 0], bins=1)
