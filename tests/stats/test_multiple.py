"""Holm's adjustment against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from tunewright.stats.multiple import holm


@pytest.mark.parametrize("seed", range(30))
def test_holm_equals_statsmodels(seed: int) -> None:
    generator = np.random.default_rng(seed)
    p = generator.random(int(generator.integers(1, 40))) ** generator.uniform(0.5, 6)
    p[generator.random(len(p)) < 0.2] = 0.01
    assert holm(p.tolist()) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)


def test_no_tests_and_one_test() -> None:
    assert holm([]) == []
    assert holm([0.03]) == [0.03]
    assert holm([1.0, 0.0]) == [1.0, 0.0]


@pytest.mark.parametrize("p", [[0.1, float("nan")], [-0.1], [1.1]])
def test_what_is_no_p_value_is_refused(p: list[float]) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm(p)
