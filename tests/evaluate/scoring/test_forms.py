"""JSON, forms and patterns of whole answers."""

from __future__ import annotations

import json
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.evaluate.fakes import labelled
from tunewright.core import catalog
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.forms import FORMS
from tunewright.evaluate.scoring.json_text import NoJson, is_json, read_json
from tunewright.evaluate.scoring.patterns import Unjudged, found, matches

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(), inside, max_size=3),
)


@settings(deadline=None)
@given(JSON)
def test_what_json_writes_is_read_again(value: object) -> None:
    assert read_json(f" {json.dumps(value)}\n") == value


@pytest.mark.parametrize(
    "text",
    ["", " ", "NaN", "[Infinity]", "{'a': 1}", '{"a": 1,}', '{"a": 1} ok', "```json\n{}\n```", "[" * 10**5, "01"],
)
def test_anything_else_is_no_json(text: str) -> None:
    assert not is_json(text)
    with pytest.raises(NoJson):
        read_json(text)


@pytest.mark.parametrize("text", ["```json\n{}\n```", "```\n{}\n```", " ```JSON\n{}\n```\n", "{}"])
def test_a_code_block_may_stand_around_where_it_is_allowed(text: str) -> None:
    assert is_json(text, "code_fence")
    assert not is_json(f"Here it is: {text}", "code_fence")


def test_a_number_of_any_length_is_json() -> None:
    assert read_json("1" * 10**6) == math.inf
    assert read_json("-" + "7" * 30) == -int("7" * 30)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        ("json", ["{}", "3", '"a"'], ["{", "a"]),
        ("json_object", ["{}", '{"a": [1]}'], ["[]", "3", "{"]),
        ("number", ["3", "-3.5", "1,200", "12,000.50", "4e-3", "50%"], ["", "12,00", "3 m", "three", ".", "1.2.3"]),
        ("integer", ["3", "-30"], ["3.0", "1,200", "", "x"]),
        (
            "date",
            ["2026-11-25", "2024-02-29"],
            ["2026-13-01", "2025-02-29", "25.11.2026", "2026-11-25 10", "٢٠٢٦-١١-٢٥"],
        ),
        ("one_line", ["a b c"], ["", "a\nb", "a\u2028b"]),
        ("one_word", ["heart", "well-known"], ["", "two words"]),
        ("yes_no", ["yes", "No.", "YES"], ["maybe", "yes!", "yes no"]),
        ("list", ["- a\n- b", "1. a\n\n2) b", "* a"], ["", "a\nb", "- a\nb", "-a"]),
    ],
)
def test_a_form_is_that_of_the_whole_answer(form: str, good: list[str], bad: list[str]) -> None:
    assert [FORMS[form](text) for text in good] == [True] * len(good)
    assert [FORMS[form](text) for text in bad] == [False] * len(bad)


def test_every_form_is_an_option_and_the_other_way() -> None:
    options = catalog.options("scorers", "format")
    for form in FORMS:
        assert options(form=form).form == form
    with pytest.raises(ValidationError):
        options(form="poem")


def scored(pattern: str, *answers: str) -> list[float]:
    """What the scorer says of each answer."""
    made = catalog.work("scorers", "format")(catalog.options("scorers", "format")(pattern=pattern))
    rows = [AnsweredRow(labelled("x", "y"), answer, finish="stop") for answer in answers]
    return np.asarray(made.per_row(rows)).tolist()


def test_a_pattern_takes_the_place_of_the_form() -> None:
    assert scored(r"[A-Z]{3}-\d+", "ABC-12", " ABC-12\n", "ABC-12 or so", "abc-1") == [1, 1, 0, 0]


def test_a_broken_pattern_is_refused_with_the_recipe() -> None:
    with pytest.raises(ValidationError, match="no regular expression"):
        catalog.options("scorers", "format")(pattern="(")


def test_a_pattern_that_takes_too_long_judges_nothing() -> None:
    started = time.process_time()
    (value,) = scored(r"(([a-z])+.)+[A-Z]([a-z])+", "a" * 40_000)
    assert math.isnan(value)
    assert time.process_time() - started < 5


def test_patterns_are_found_and_matched() -> None:
    assert found("b+", "abba") and not matches("b+", "abba")
    for bad in ("(", "a" * 5000, "[z-a]"):
        with pytest.raises(Unjudged):
            found(bad, "a")
