"""Shares and their differences: against statsmodels and published numbers, and by enumerating every outcome."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, multinomial
from statsmodels.stats.proportion import proportion_confint

from tunewright.stats.shares import (
    clopper_pearson,
    exact_interval,
    exact_p,
    right_rows,
    score,
    score_interval,
)


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


@pytest.mark.parametrize("seed", range(10))
def test_clopper_pearson_equals_statsmodels_and_scipy(seed: int) -> None:
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 2000))
    right, level = int(generator.integers(0, n + 1)), float(generator.uniform(0.5, 0.999))
    ours = clopper_pearson(right, n, level=level)
    assert ours == pytest.approx(proportion_confint(right, n, alpha=1 - level, method="beta"), abs=1e-9)
    theirs = binomtest(right, n).proportion_ci(level, method="exact")
    assert ours == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_score_interval_equals_two_packages_of_r() -> None:
    """`contingencytables` on the counts of Cavo and others, 2012 (6, 16 of 161), and `PropCIs` on 25, 28 of 618."""
    assert score_interval(6, 16, rows=161, level=0.95) == pytest.approx((-0.1240, -0.0054), abs=6e-5)
    assert score_interval(28, 25, rows=618, level=0.90) == pytest.approx((-0.0148, 0.0247), abs=6e-5)


@pytest.mark.parametrize("seed", range(10))
def test_score_is_a_maximum_likelihood_score(seed: int) -> None:
    """The score's variance belongs to the share that makes the counts likeliest under the supposed difference."""
    generator = np.random.default_rng(seed)
    rows = int(generator.integers(20, 200))
    won, lost = (int(count) for count in generator.multinomial(rows, [0.2, 0.1, 0.7])[:2])
    supposed = float(generator.uniform(-0.3, 0.4))
    shares = np.linspace(max(0.0, -supposed), (1 - supposed) / 2, 400_001)[1:-1]
    likelihood = won * np.log(shares + supposed) + lost * np.log(shares)
    likelihood += (rows - won - lost) * np.log(1 - 2 * shares - supposed)
    only_first = shares[likelihood.argmax()]
    error = np.sqrt(rows * (2 * only_first + supposed - supposed**2))
    expected = (won - lost - rows * supposed) / error
    found = score(np.float64(won), np.float64(lost), rows=rows, difference=supposed)
    assert float(found) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("rows", [5, 12, 25])
@pytest.mark.parametrize("supposed", [-0.6, -0.1, 0.0, 0.05, 0.4])
def test_exact_p_is_a_p_whatever_the_share_of_changed_rows(rows: int, supposed: float) -> None:
    """Sum the probability of all outcomes whose p is at most the level: never above the level."""
    outcomes = [(won, lost) for won in range(rows + 1) for lost in range(rows + 1 - won)]
    p = np.array([exact_p(won, lost, rows=rows, difference=supposed) for won, lost in outcomes])
    counts = np.array([(won, lost, rows - won - lost) for won, lost in outcomes])
    for only_first in np.linspace(max(0.0, -supposed), (1 - supposed) / 2, 23):
        cells = np.clip([only_first + supposed, only_first, 1 - 2 * only_first - supposed], 0, 1)
        law = multinomial.pmf(counts, rows, cells / cells.sum())
        for level in (0.025, 0.05, 0.2):
            assert law[p <= level].sum() <= level + 1e-3


@pytest.mark.parametrize("rows", [8, 16])
def test_exact_interval_covers_at_least_at_its_level_for_every_truth(rows: int) -> None:
    outcomes = [(won, lost) for won in range(rows + 1) for lost in range(rows + 1 - won)]
    ends = np.array([exact_interval(won, lost, rows=rows, level=0.95) for won, lost in outcomes])
    counts = np.array([(won, lost, rows - won - lost) for won, lost in outcomes])
    covered = []
    for only_first in (0.0, 0.02, 0.1, 0.3):
        for difference in np.linspace(-only_first, 1 - 2 * only_first, 9):
            cells = np.array([only_first + difference, only_first, 1 - 2 * only_first - difference])
            law = multinomial.pmf(counts, rows, np.clip(cells, 0, 1) / cells.sum())
            covered.append(law[(ends[:, 0] <= difference + 1e-9) & (difference - 1e-9 <= ends[:, 1])].sum())
    assert min(covered) >= 0.95 - 1e-3
    assert np.mean(covered) < 0.99


def test_exact_interval_is_hardly_wider_than_the_score_interval() -> None:
    exact, asked = exact_interval(30, 15, rows=150, level=0.95), score_interval(30, 15, rows=150, level=0.95)
    assert exact[1] - exact[0] == pytest.approx(asked[1] - asked[0], rel=0.05)


def test_no_changed_row_is_no_point() -> None:
    low, high = exact_interval(0, 0, rows=100, level=0.95)
    assert high == pytest.approx(1 - 0.025**0.01, abs=1e-3)
    assert low == -high
    low, high = score_interval(0, 0, rows=300, level=0.95)
    assert 0.01 < high < 0.02
    assert low == pytest.approx(-high, abs=1e-12)


def test_all_rows_won_reaches_one() -> None:
    assert exact_interval(40, 0, rows=40, level=0.95)[1] == 1.0
    assert score_interval(400, 0, rows=400, level=0.95)[1] == 1.0
    assert score_interval(0, 400, rows=400, level=0.95)[0] == -1.0


def test_right_rows_are_found_only_where_the_metric_is_their_share() -> None:
    right = np.array([1.0, 0.0, 1.0])
    found = right_rows(np.column_stack([right, np.ones(3)]), mean)
    assert found is not None
    assert found.tolist() == [True, False, True]
    assert right_rows(np.column_stack([right, np.array([1.0, 2.0, 1.0])]), mean) is None
    assert right_rows(np.column_stack([right * 0.5, np.ones(3)]), mean) is None
    assert right_rows(np.column_stack([right, np.zeros(3)]), mean) is None
    assert right_rows(np.empty((0, 2)), mean) is None
