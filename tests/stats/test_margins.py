"""Non-inferiority: the decision on an interval, its p, and that both say the same."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from tunewright.stats.margins import non_inferior, non_inferiority_p
from tunewright.stats.paired import difference_interval


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


def as_sums(values: np.ndarray) -> np.ndarray:
    return np.column_stack([values.astype(float), np.ones(len(values))])


def test_the_end_of_the_interval_decides() -> None:
    assert non_inferior((-0.01, 0.3), margin=0.02, direction="higher")
    assert not non_inferior((-0.02, 0.3), margin=0.02, direction="higher")
    assert non_inferior((-0.3, 0.01), margin=0.02, direction="lower")
    assert not non_inferior((-0.3, 0.02), margin=0.02, direction="lower")
    assert not non_inferior(None, margin=1.0, direction="higher")
    assert not non_inferior((0.0, 0.0), margin=0.0, direction="higher")


@pytest.mark.parametrize("margin", [-0.1, float("nan")])
def test_a_margin_is_never_negative(margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        non_inferior((0.0, 1.0), margin=margin, direction="higher")


def test_a_metric_without_a_better_direction_has_no_margin() -> None:
    sums = as_sums(np.arange(10.0))
    with pytest.raises(ValueError, match="direction"):
        non_inferiority_p(sums, sums, value=mean, margin=0.1, direction="neither", seed=0)


@pytest.mark.parametrize("rows", [8, 40, 110, 260])
@pytest.mark.parametrize("kind", ["share", "loss"])
@pytest.mark.parametrize("direction", ["higher", "lower"])
def test_interval_and_p_say_the_same(rows: int, kind: str, direction: str) -> None:
    generator = np.random.default_rng(rows)
    said = []
    for seed in range(4):
        if kind == "share":
            base, other = generator.random((2, rows)) < np.array([[0.7], [0.75]])
        else:
            base, other = generator.exponential(1, (2, rows))
        sums = as_sums(base), as_sums(other)
        interval = difference_interval(*sums, value=mean, seed=seed)
        for margin in (0.02, 0.1, 0.2, 0.4):
            p = non_inferiority_p(*sums, value=mean, margin=margin, direction=direction, seed=seed)
            assert p is not None
            if abs(p - 0.025) > 1e-4:
                said.append((p < 0.025, non_inferior(interval, margin=margin, direction=direction)))
    assert all(by_p == by_interval for by_p, by_interval in said)
    assert rows < 40 or len(set(said)) == 2


def test_p_of_a_mean_is_close_to_the_t_test() -> None:
    generator = np.random.default_rng(3)
    base, other = generator.normal(size=(2, 300))
    ours = non_inferiority_p(as_sums(base), as_sums(other), value=mean, margin=0.15, direction="higher", seed=0)
    assert ours == pytest.approx(ttest_rel(other + 0.15, base, alternative="greater").pvalue, abs=0.01)


def test_nothing_is_shown_by_what_is_no_number() -> None:
    broken, fine = as_sums(np.array([1.0, np.nan, 3.0])), as_sums(np.ones(3))
    assert non_inferiority_p(fine, broken, value=mean, margin=0.1, direction="lower", seed=0) is None
