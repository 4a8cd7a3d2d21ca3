"""Families of rows are drawn together: sums by family against pandas, and what that does to a test."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

from tunewright.stats.families import by_family
from tunewright.stats.paired import difference_interval


def mean(sums: np.ndarray) -> np.ndarray:
    return sums[..., 0] / sums[..., 1]


@pytest.mark.parametrize("seed", range(5))
def test_sums_equal_a_group_by(seed: int) -> None:
    generator = np.random.default_rng(seed)
    sums = generator.normal(size=(200, 3))
    families = [f"f{number}" for number in generator.integers(0, 40, 200)]
    theirs = pandas.DataFrame(sums).groupby(families, sort=False).sum().to_numpy()
    assert np.allclose(by_family(sums, families), theirs, atol=1e-12)


def test_rows_without_a_family_stay_alone_and_in_order() -> None:
    sums = np.array([[1.0], [2.0], [4.0], [8.0], [16.0]])
    assert by_family(sums, [None, "a", None, "a", "b"]).tolist() == [[1.0], [10.0], [4.0], [16.0]]
    assert by_family(sums, [None] * 5).tolist() == sums.tolist()


def test_no_rows_have_no_families() -> None:
    assert by_family(np.empty((0, 4)), []).shape == (0, 4)


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="one a row"):
        by_family(np.ones((3, 2)), ["a", "b"])


def test_copies_of_rows_make_no_interval_narrower() -> None:
    generator = np.random.default_rng(1)
    base = np.column_stack([generator.normal(size=60), np.ones(60)])
    other = base + np.column_stack([generator.normal(0.2, 1, 60), np.zeros(60)])
    names = [str(number) for number in range(60)]
    alone = difference_interval(base, other, value=mean, seed=0)
    copied = [np.tile(sums, (10, 1)) for sums in (base, other)]
    together = difference_interval(*(by_family(sums, names * 10) for sums in copied), value=mean, seed=0)
    careless = difference_interval(*copied, value=mean, seed=0)
    assert alone is not None
    assert together == pytest.approx(alone, abs=1e-9)
    assert careless is not None
    assert careless[1] - careless[0] < 0.5 * (alone[1] - alone[0])
