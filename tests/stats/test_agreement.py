"""Agreement of raters: the example of Krippendorff's paper, scikit-learn, formulas written out, hostile votes."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import fleiss_kappa

from tunewright.stats.agreement import cohen_kappa, krippendorff_alpha, krippendorff_interval

MISSING = None
PAPER = [
    [1, 1, MISSING, 1],
    [2, 2, 3, 2],
    [3, 3, 3, 3],
    [3, 3, 3, 3],
    [2, 2, 2, 2],
    [1, 2, 3, 4],
    [4, 4, 4, 4],
    [1, 1, 2, 1],
    [2, 2, 2, 2],
    [MISSING, 5, 5, 5],
    [MISSING, MISSING, 1, 1],
    [MISSING, MISSING, 3, MISSING],
]
"""Krippendorff, 2011: four observers, twelve units, missing values."""


@pytest.mark.parametrize(("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)])
def test_alpha_of_the_published_example(level: str, alpha: float) -> None:
    assert krippendorff_alpha(PAPER, level=level) == pytest.approx(alpha, abs=5e-4)


def plain_alpha(votes: np.ndarray, distance) -> float:
    """One minus the mean distance within units, weighted, over the mean distance of all pairs of votes."""
    units = [[vote for vote in unit if not np.isnan(vote)] for unit in votes]
    units = [unit for unit in units if len(unit) > 1]
    every = [vote for unit in units for vote in unit]
    within = sum(distance(*pair) / (len(unit) - 1) for unit in units for pair in permutations(unit, 2)) / len(every)
    across = sum(distance(*pair) for pair in permutations(every, 2)) / (len(every) * (len(every) - 1))
    return 1 - within / across


@pytest.mark.parametrize("seed", range(6))
def test_alpha_equals_the_sum_over_pairs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    votes = generator.integers(0, 4, (25, 4)) * 1.5
    votes[generator.random((25, 4)) < 0.3] = np.nan
    found = [krippendorff_alpha(votes.tolist(), level=level) for level in ("nominal", "interval")]
    expected = [plain_alpha(votes, lambda a, b: a != b), plain_alpha(votes, lambda a, b: (a - b) ** 2)]
    assert found == pytest.approx(expected, abs=1e-9)


def test_alpha_tends_to_fleiss_kappa_with_many_units() -> None:
    """For full nominal data both differ by a share of one over the number of votes."""
    generator = np.random.default_rng(1)
    truth = generator.integers(0, 3, (3_000, 1))
    votes = np.where(generator.random((3_000, 3)) < 0.6, truth, generator.integers(0, 3, (3_000, 3)))
    table = np.stack([(votes == kind).sum(axis=1) for kind in range(3)], axis=1)
    assert krippendorff_alpha(votes.tolist()) == pytest.approx(fleiss_kappa(table), abs=2e-4)


def test_text_is_nominal_only() -> None:
    votes = [["A", "A"], ["B", "B"], ["tie", "A"], ["B", None]]
    assert krippendorff_alpha(votes) == pytest.approx(
        plain_alpha(np.array([[0, 0], [1, 1], [2, 0]]), lambda a, b: a != b)
    )
    with pytest.raises(ValueError, match="text is nominal"):
        krippendorff_alpha(votes, level="ordinal")


def test_full_agreement_is_one_and_a_single_vote_says_nothing() -> None:
    assert krippendorff_alpha([[1, 1], [2, 2], [3, 3]], level="interval") == 1.0
    assert krippendorff_alpha([[1, 1], [1, 1]]) is None
    assert krippendorff_alpha([[1, None], [float("nan"), 2]]) is None
    assert krippendorff_alpha([]) is None
    assert krippendorff_interval([[1, 1], [1, 1]], seed=0) is None
    assert krippendorff_interval([[1, 2]], seed=0) is None


def test_an_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="level"):
        krippendorff_alpha([[1, 2]], level="ratio")


def test_interval_holds_alpha_and_narrows_with_units() -> None:
    generator = np.random.default_rng(2)
    truth = generator.integers(0, 3, (400, 1))
    votes = np.where(generator.random((400, 2)) < 0.8, truth, generator.integers(0, 3, (400, 2))).tolist()
    low, high = krippendorff_interval(votes, seed=0) or (1.0, 0.0)
    alpha = krippendorff_alpha(votes)
    assert alpha is not None
    assert low < alpha < high
    few = krippendorff_interval(votes[:50], seed=0) or (0.0, 0.0)
    assert few[1] - few[0] > 2 * (high - low)
    assert krippendorff_interval(votes, seed=0) == (low, high)


@pytest.mark.parametrize("seed", range(10))
def test_kappa_equals_scikit_learn(seed: int) -> None:
    generator = np.random.default_rng(seed)
    first = generator.choice(["A", "B", "tie"], 60)
    second = np.where(generator.random(60) < 0.6, first, generator.choice(["A", "B", "tie"], 60))
    assert cohen_kappa(first.tolist(), second.tolist()) == pytest.approx(cohen_kappa_score(first, second), abs=1e-9)


def test_kappa_needs_two_full_rows_of_votes_that_vary() -> None:
    assert cohen_kappa([], []) is None
    assert cohen_kappa(["A", "A"], ["A", "A"]) is None
    for broken in (["A"], ["A", None], ["A", float("nan")]):
        with pytest.raises(ValueError, match="all of them"):
            cohen_kappa(["A", "B"], broken)
