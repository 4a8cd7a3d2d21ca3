"""Always-valid intervals and tests: against plain formulas written out, and looked at after every value."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import betaln
from scipy.stats import binom

from tunewright.stats.sequential import MixtureTest, confidence_sequence


def plain_interval(values: np.ndarray, *, planned_n: int, level: float, means: np.ndarray) -> tuple[float, float]:
    """Hedged capital written out one value and one supposed mean at a time; ends of what is never rejected."""
    kept = []
    for mean in means:
        up = down = highest = 1.0
        total, squares, seen, spread = 0.0, 0.0, 0, 0.25
        for value in values:
            bet = np.sqrt(2 * np.log(2 / (1 - level)) / (spread * max(planned_n, seen + 1)))
            up *= 1 + min(bet, 0.75 / mean) * (value - mean)
            down *= 1 - min(bet, 0.75 / (1 - mean)) * (value - mean)
            highest = max(highest, up / 2, down / 2)
            seen, total = seen + 1, total + value
            squares += (value - (0.5 + total) / (seen + 1)) ** 2
            spread = (0.25 + squares) / (seen + 1)
        if highest < 1 / (1 - level):
            kept.append(mean)
    return min(kept), max(kept)


@pytest.mark.parametrize("seed", range(4))
def test_last_interval_equals_the_capital_written_out(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.beta(2, 1 + seed, 60)
    ends = confidence_sequence(values, planned_n=80, level=0.9)
    plain = plain_interval(values, planned_n=80, level=0.9, means=np.linspace(0.0005, 0.9995, 1_999))
    width = plain[1] - plain[0]
    assert plain[0] - 0.03 * width <= ends.low[-1] <= plain[0]
    assert plain[1] <= ends.high[-1] <= plain[1] + 0.03 * width


def test_intervals_are_nested_within_bounds_and_mirrored() -> None:
    gaps = np.random.default_rng(1).choice([-1.0, 0.0, 1.0], p=[0.1, 0.7, 0.2], size=500)
    ends = confidence_sequence(gaps, planned_n=500, bounds=(-1.0, 1.0))
    assert np.all(np.diff(ends.low) >= 0)
    assert np.all(np.diff(ends.high) <= 0)
    assert ends.low[0] == -1.0
    assert ends.high[0] == 1.0
    mirrored = confidence_sequence(-gaps, planned_n=500, bounds=(-1.0, 1.0))
    assert np.allclose(mirrored.low, -ends.high, atol=1e-9)


def test_no_later_value_changes_an_earlier_interval_inwards() -> None:
    """Supposed means are placed by all values, so earlier ends may differ by rounding, and only outwards or by 2 %."""
    values = np.random.default_rng(2).random(400)
    first = confidence_sequence(values[:200], planned_n=300)
    longer = confidence_sequence(values, planned_n=300)
    assert longer.low[199] == pytest.approx(first.low[-1], abs=0.03 * (first.high[-1] - first.low[-1]))
    assert longer.high[199] == pytest.approx(first.high[-1], abs=0.03 * (first.high[-1] - first.low[-1]))


def test_constant_values_still_leave_room() -> None:
    ends = confidence_sequence(np.ones(300), planned_n=300)
    assert ends.high[-1] == 1.0
    assert 0.9 < ends.low[-1] < 1.0


def test_a_mean_that_moves_leaves_no_reversed_interval() -> None:
    ends = confidence_sequence(np.concatenate([np.zeros(400), np.ones(4_000)]), planned_n=400)
    assert np.all(ends.low <= ends.high)


def test_no_values_have_no_intervals() -> None:
    ends = confidence_sequence([], planned_n=10)
    assert ends.low.size == ends.high.size == 0


@pytest.mark.parametrize("values", [[0.5, float("nan")], [1.5], [-0.1], [[0.1, 0.2]]])
def test_values_out_of_bounds_are_refused(values: list) -> None:
    with pytest.raises(ValueError, match="from 0"):
        confidence_sequence(values, planned_n=10)


def test_plans_and_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="planned"):
        confidence_sequence([0.5], planned_n=0)
    with pytest.raises(ValueError, match="planned"):
        confidence_sequence([0.5], planned_n=5, level=1.0)
    with pytest.raises(ValueError, match="low to high"):
        confidence_sequence([0.5], planned_n=5, bounds=(1.0, 0.0))
    with pytest.raises(ValueError, match="plan"):
        MixtureTest(0)
    with pytest.raises(ValueError, match="mean within bounds"):
        MixtureTest(10, null=1.0, bounds=(0.0, 1.0))


@pytest.mark.parametrize("seed", range(6))
def test_mixture_equals_the_beta_binomial_likelihood_ratio(seed: int) -> None:
    """With the widest mixture and right-or-wrong rows: a uniform law of chances to win against one half."""
    generator = np.random.default_rng(seed)
    gaps = generator.choice([-1.0, 0.0, 1.0], p=[0.1, 0.6, 0.3], size=int(generator.integers(1, 300)))
    test = MixtureTest(10, changed=1.0)
    test.update(gaps)
    won, lost = int(np.sum(gaps == 1)), int(np.sum(gaps == -1))
    expected = betaln(1 + won, 1 + lost) + (won + lost) * np.log(2)
    assert np.log(test.e_value) == pytest.approx(expected, abs=1e-9)


def test_values_one_by_one_and_together_are_the_same() -> None:
    values = np.random.default_rng(3).uniform(-1, 1, 300) + 0.0
    one_by_one, together = MixtureTest(200), MixtureTest(200)
    read = [one_by_one.update(float(value)) for value in values]
    assert together.update(values) == pytest.approx(read[-1], rel=1e-9)
    assert one_by_one.e_value == pytest.approx(together.e_value, rel=1e-9)
    assert together.n == one_by_one.n == 300
    assert read == sorted(read, reverse=True)


@pytest.mark.parametrize("null", [0.5, 0.3, 0.9])
def test_evidence_has_a_mean_of_one_where_nothing_differs(null: float) -> None:
    """Summed over every outcome of 15 rows that are right or wrong."""
    found = []
    for right in range(16):
        test = MixtureTest(30, null=null, bounds=(0.0, 1.0))
        test.update(np.repeat([1.0, 0.0], [right, 15 - right]))
        found.append(test.e_value)
    assert binom.pmf(np.arange(16), 15, null) @ found == pytest.approx(1.0, abs=1e-9)


def test_nothing_seen_is_no_evidence_and_much_seen_overflows_nothing() -> None:
    test = MixtureTest(100)
    assert (test.p, test.n) == (1.0, 0)
    assert test.e_value == pytest.approx(1.0)
    assert test.update([]) == 1.0
    assert test.update(np.ones(20_000)) == 0.0
    assert np.isfinite(test.e_value)


@pytest.mark.parametrize("values", [float("nan"), [0.0, 1.5], [[0.0]]])
def test_mixture_refuses_values_out_of_bounds(values: object) -> None:
    with pytest.raises(ValueError, match=r"from -1\.0 to 1\.0"):
        MixtureTest(10).update(values)


def test_mixture_finds_a_real_difference_long_before_the_plan_is_done() -> None:
    gaps = np.random.default_rng(5).choice([-1.0, 0.0, 1.0], p=[0.04, 0.76, 0.2], size=1_000)
    test = MixtureTest(1_000)
    read = [test.update(part) for part in np.array_split(gaps, 20)]
    assert next(place for place, p in enumerate(read) if p <= 0.05) < 10
