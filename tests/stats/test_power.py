"""Power said before training: against statsmodels, against every outcome, and against simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest, multinomial, ttest_1samp
from statsmodels.stats.power import TTestPower

from tunewright.stats.power import (
    mcnemar_power,
    needed_rows,
    needed_rows_for_mean,
    smallest_effect,
    smallest_mean_effect,
)


@pytest.mark.parametrize("rows", [1, 6, 17, 24])
@pytest.mark.parametrize(("effect", "changed"), [(0.0, 0.3), (0.1, 0.2), (0.3, 0.3), (-0.4, 0.1), (1.0, 0.2)])
def test_power_is_the_sum_over_every_outcome(rows: int, effect: float, changed: float) -> None:
    share = max(changed, abs(effect))
    cells = [(share + effect) / 2, (share - effect) / 2, 1 - share]
    expected = 0.0
    for won in range(rows + 1):
        for lost in range(rows + 1 - won):
            rejected = won + lost > 0 and binomtest(won, won + lost, 0.5).pvalue <= 0.05
            expected += multinomial.pmf([won, lost, rows - won - lost], rows, cells) if rejected else 0.0
    assert mcnemar_power(rows, effect=effect, changed=changed) == pytest.approx(expected, abs=1e-9)


def test_power_agrees_with_simulation_at_many_rows() -> None:
    generator = np.random.default_rng(0)
    counts = generator.multinomial(3_000, [0.06, 0.04, 0.9], size=40_000)
    won, changed = counts[:, 0], counts[:, 0] + counts[:, 1]
    p = np.minimum(1, 2 * binom.sf(np.maximum(won, changed - won) - 1, changed, 0.5))
    assert mcnemar_power(3_000, effect=0.02, changed=0.1) == pytest.approx(np.mean(p <= 0.05), abs=0.01)


@pytest.mark.parametrize("n", [6, 20, 100, 700, 20_000])
@pytest.mark.parametrize("changed", [0.02, 0.2])
def test_smallest_effect_has_the_power_and_needs_these_rows(n: int, changed: float) -> None:
    effect = smallest_effect(n, changed=changed)
    assert mcnemar_power(n, effect=effect, changed=changed) == pytest.approx(0.8, abs=1e-6)
    assert needed_rows(effect * 1.0001, changed=changed) <= n * 1.02 + 2
    rows = needed_rows(effect, changed=changed)
    assert mcnemar_power(rows, effect=effect, changed=changed) >= 0.8


def test_more_rows_show_smaller_effects() -> None:
    effects = [smallest_effect(n) for n in (10, 30, 100, 300, 1_000, 10_000)]
    assert effects == sorted(effects, reverse=True)
    assert 0.08 < smallest_effect(200) < 0.1
    assert smallest_effect(200, power=0.95) > smallest_effect(200)
    assert smallest_effect(200, level=0.01) > smallest_effect(200)


def test_too_few_rows_show_nothing() -> None:
    assert smallest_effect(5) == math.inf
    assert smallest_effect(6) < 1
    assert smallest_mean_effect(1, sd=1.0) == math.inf


@pytest.mark.parametrize("n", [2, 3])
def test_mean_effect_of_two_and_three_rows_by_simulation(n: int) -> None:
    """There statsmodels has no number."""
    effect = smallest_mean_effect(n, sd=1.0, level=0.01)
    differences = np.random.default_rng(n).normal(effect, 1, (400_000, n))
    found = np.mean(ttest_1samp(differences, 0, axis=1).pvalue <= 0.01)
    assert found == pytest.approx(0.8, abs=0.003)


@pytest.mark.parametrize("n", [5, 10, 100, 3_000])
@pytest.mark.parametrize("level", [0.01, 0.05, 0.2])
def test_mean_effect_has_the_power_that_statsmodels_says(n: int, level: float) -> None:
    effect = smallest_mean_effect(n, sd=2.5, level=level, power=0.9)
    assert TTestPower().power(effect / 2.5, n, level) == pytest.approx(0.9, abs=1e-7)


@pytest.mark.parametrize("size", [0.02, 0.1, 0.5, 1.5, 4.0])
def test_needed_rows_for_a_mean_equal_statsmodels(size: float) -> None:
    theirs = TTestPower().solve_power(effect_size=size, alpha=0.05, power=0.8)
    assert needed_rows_for_mean(3 * size, sd=3.0) == math.ceil(theirs - 1e-3)
    assert needed_rows_for_mean(-3 * size, sd=3.0) == needed_rows_for_mean(3 * size, sd=3.0)


@pytest.mark.parametrize("effect", [0.0, 1.1, float("nan")])
def test_no_share_differs_so(effect: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        needed_rows(effect)


def test_an_effect_that_no_test_set_shows_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        needed_rows_for_mean(1e-9, sd=1.0)
    with pytest.raises(ValueError, match="not 0"):
        needed_rows_for_mean(0.0, sd=1.0)


@pytest.mark.parametrize(
    "asked",
    [{"n": 0}, {"n": 10, "changed": 0.0}, {"n": 10, "changed": 1.2}, {"n": 10, "level": 0.0}, {"n": 10, "power": 1.0}],
)
def test_numbers_out_of_range_are_refused(asked: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"rows show nothing|changed rows|between 0 and 1"):
        smallest_effect(int(asked.pop("n")), **asked)


@pytest.mark.parametrize("sd", [0.0, -1.0, float("inf"), float("nan")])
def test_no_standard_deviation_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        smallest_mean_effect(10, sd=sd)
