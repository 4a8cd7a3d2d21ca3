"""Ratings as files say them, on a scale or not."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.core import catalog
from tunewright.core.ports import RowProblem
from tunewright.data.rating import Rating, Scale, is_rated, is_tagged

FIVE = Scale(1, 5)
READ = [
    (FIVE, 5, Rating(5.0, True)),
    (FIVE, "5", Rating(5.0, True)),
    (FIVE, " 3 ", Rating(3.0, False)),
    (FIVE, 3.5, Rating(3.5, True)),
    (Scale(good=4), 4, Rating(4.0, True)),
    (Scale(good=4), 3.9, Rating(3.9, False)),
    (Scale(), -2, Rating(-2.0, None)),
    (Scale(), "1e3", Rating(1000.0, None)),
    (Scale(), True, Rating(1.0, True)),
    (Scale(), "False", Rating(0.0, False)),
    (Scale(), "👎", Rating(0.0, False)),
    (Scale(), "Thumbs Up", Rating(1.0, True)),
    (Scale(0, 1), 1, Rating(1.0, True)),
    (Scale(least=1), 7, Rating(7.0, None)),
]
BAD = [
    (FIVE, 6, "rating_out_of_range"),
    (FIVE, 0.5, "rating_out_of_range"),
    (FIVE, math.nan, "rating_not_finite"),
    (FIVE, "NaN", "rating_not_finite"),
    (FIVE, "-inf", "rating_not_finite"),
    (FIVE, 10**400, "rating_not_finite"),
    (FIVE, "1e999", "rating_not_finite"),
    (FIVE, "4/5", "wrong_rating"),
    (FIVE, "five", "wrong_rating"),
    (FIVE, "1_0", "wrong_rating"),
    (FIVE, [4], "wrong_rating"),
    (FIVE, {}, "wrong_rating"),
    (FIVE, None, "missing_rating"),
    (FIVE, " ", "missing_rating"),
]


@pytest.mark.parametrize(("scale", "given_", "wanted"), READ)
def test_a_rating_is_read(scale: Scale, given_: Any, wanted: Rating) -> None:
    assert scale.read({"rating": given_}, "rating") == wanted


@pytest.mark.parametrize(("scale", "given_", "reason"), BAD)
def test_what_is_no_rating_says_why(scale: Scale, given_: Any, reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        scale.read({"rating": given_}, "rating")
    assert caught.value.reason == reason and '"rating"' in caught.value.detail


@pytest.mark.parametrize("given_", [1, "1", True, "true", "yes"])
def test_one_in_a_column_of_verdicts_means_yes(given_: Any) -> None:
    assert Scale().read({"label": given_}, "label") == Rating(1.0, True)
    assert Scale().read({"kto_tag": given_}, "kto_tag").good is True
    assert Scale(1, 5).read({"label": 1}, "label") == Rating(1.0, False)


@given(st.floats(allow_nan=True) | st.integers() | st.text() | st.booleans() | st.none() | st.lists(st.integers()))
def test_any_value_is_a_rating_on_the_scale_or_a_problem(value: Any) -> None:
    try:
        found = FIVE.read({"score": value}, "score")
    except RowProblem as problem:
        assert problem.reason.isidentifier() and problem.detail
    else:
        assert 1 <= found.value <= 5 and found.good is (value if isinstance(value, bool) else found.good)
        assert found.good is not None


def test_a_class_is_no_verdict() -> None:
    assert is_rated({"label": True}) and is_rated({"label": "0"}) and is_rated({"score": "3.5"})
    assert not is_rated({"label": "billing"}) and not is_rated({"label": 7}) and not is_rated({"score": "high"})
    assert is_tagged({"kto_tag": "true"}) and is_tagged({"label": False})
    assert not is_tagged({"label": 1}) and not is_tagged({"label": "positive"}) and not is_tagged({})


@pytest.mark.parametrize("wrong", [{"least": 5, "most": 1}, {"least": 1, "most": 5, "good": 6}, {"good": "nan"}])
def test_a_scale_has_two_ends(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"scale|finite"):
        catalog.options("shapes", "rated")(**wrong)
