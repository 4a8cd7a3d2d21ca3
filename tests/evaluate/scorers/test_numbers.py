"""Metrics of numbers and of preferences: equal to scikit-learn's and SciPy's, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from tests.evaluate.fakes import scorer
from tunewright.core.answers import AnsweredRow
from tunewright.core.ports import Row
from tunewright.evaluate.compare import Compared, Measured


def said(true: float | str, number: float | str | None) -> AnsweredRow:
    """A row with a number and one that was said."""
    return AnsweredRow(Row(f"{true}", (), label=str(true)), "", None if number is None else str(number))


def chosen(*pairs: tuple[float, float]) -> list[AnsweredRow]:
    """Pairs with a number for the winner and the loser."""
    return [AnsweredRow(Row(f"{place}", ()), "", choices=pair) for place, pair in enumerate(pairs)]


@pytest.mark.parametrize("offset", [0.0, 1e6])
@pytest.mark.parametrize("digits", [0, 9])
def test_numbers_are_those_of_the_libraries(offset: float, digits: int) -> None:
    """Also with ties, and far from zero."""
    draw = np.random.default_rng(digits)
    true = np.round(offset + draw.normal(size=60), digits)
    guess = np.round(true + draw.normal(size=60), digits)
    rows = [said(float(one), float(other)) for one, other in zip(true, guess, strict=True)]
    wanted = {
        "mae": mean_absolute_error(true, guess),
        "mse": mean_squared_error(true, guess),
        "r2": r2_score(true, guess),
        "spearman": spearmanr(true, guess).statistic,
    }
    extra = [said("red", 1.0), said(1.0, None), said(1.0, "nan")]
    for name, value in wanted.items():
        assert scorer(name).score(rows, ()) == pytest.approx(value, rel=1e-9, abs=1e-9), name
        assert scorer(name).score([*rows, *extra], ()) == pytest.approx(value, rel=1e-9, abs=1e-9), name


def test_what_does_not_vary_has_no_share_and_no_order() -> None:
    assert math.isnan(scorer("r2").score([said(2, 1), said(2, 3)], ()))
    assert math.isnan(scorer("spearman").score([said(1, 5), said(2, 5), said(3, 5)], ()))
    assert scorer("r2").score([said(1, 2), said(2, 2), said(3, 2)], ()) == 0
    assert scorer("spearman").score([said(1, 9), said(2, 8)], ()) == -1


def test_numbers_have_paired_intervals() -> None:
    draw = np.random.default_rng(1)
    true = draw.normal(size=80)
    good = [said(one, one + noise) for one, noise in zip(true, 0.1 * draw.normal(size=80), strict=True)]
    mean = [said(one, float(true.mean())) for one in true]
    for name in ("mae", "mse", "r2"):
        found = Compared(scorer(name), Measured("w", "bare", mean, mean, good), labels=(), seed=0).whole()
        assert found.interval is not None and found.difference is not None
        assert found.interval[0] <= found.difference <= found.interval[1]
        assert found.interval[0] * found.interval[1] > 0
    order = Compared(scorer("spearman"), Measured("w", "bare", mean, mean, good), labels=(), seed=0).whole()
    assert order.base is None and order.tuned is not None and order.tuned_interval is not None
    assert order.tuned > 0.98 and order.tuned_interval[0] > 0.9


def test_a_margin_is_the_mean_difference() -> None:
    rows = chosen((-1.0, -3.0), (-5.0, -4.0), (math.nan, 1.0), (-math.inf, 0.0))
    assert scorer("preference_margin").score(rows, ()) == 0.5


def test_confidence_in_preferences_is_held_against_how_often_they_are_right() -> None:
    """Three of four pairs right at a confidence of 3/4 is perfect; always sure and always wrong is the worst."""
    logit = math.log(3)
    assert scorer("preference_calibration").score(chosen(*[(logit, 0.0)] * 3, (0.0, logit)), ()) == pytest.approx(0)
    assert scorer("preference_calibration").score(chosen((0.0, 800.0), (0.0, 900.0)), ()) == pytest.approx(1)
    assert scorer("preference_calibration").score(chosen((1.0, 1.0)), ()) == 0
