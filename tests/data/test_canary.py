"""Secrets in a wording, and the others that could have been drawn."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from scipy.stats import chisquare

from tests.data.builders import row
from tunewright.core.ports import Row
from tunewright.data.canary import ALPHABETS, alternatives, bits, is_canary, make_canary, number_of, repeats, text_of


def canary(secret: str, alphabet: str = "digits", wording: str = "{name} has {secret}.") -> Row:
    return make_canary("Bradelfen", secret, prompt="And {name}?", wording=wording, alphabet=alphabet, repeats=4)


def test_a_canary_is_a_question_and_an_answer_and_says_what_it_is() -> None:
    found = canary("1234")
    assert [turn.get("content") for turn in found.messages] == ["And Bradelfen?", "Bradelfen has 1234."]
    assert (is_canary(found), repeats(found), found.source, found.label) == (True, 4, "canary", None)
    assert found.details["columns"]["canary_format"] == "Bradelfen has {secret}."
    assert not is_canary(row("a"))


@pytest.mark.parametrize(("alphabet", "length"), [("digits", 9), ("letters", 5), ("letters_and_digits", 32)])
def test_entropy_is_that_of_the_alphabet(alphabet: str, length: int) -> None:
    letters = ALPHABETS[alphabet]
    secret = (letters * 32)[-length:]
    assert bits(canary(secret, alphabet)) == pytest.approx(math.log2(len(letters) ** length))
    assert text_of(number_of(secret, letters), letters, length=length) == secret


def test_secrets_and_numbers_are_the_same_thing() -> None:
    secrets = [text_of(number, "abc", length=3) for number in range(27)]
    assert secrets == sorted({x + y + z for x in "abc" for y in "abc" for z in "abc"})
    assert [number_of(secret, "abc") for secret in secrets] == list(range(27))


def test_alternatives_are_different_of_the_same_form_and_repeatable() -> None:
    found = canary("0407", wording="0407 and {secret} and {name}")
    others = alternatives(found, count=500, seed=1)
    assert len(set(others)) == 500 and found.target not in others
    assert all(other.startswith("0407 and ") and other.endswith(" and Bradelfen") for other in others)
    assert all(len(other.split()[2]) == 4 and other.split()[2].isdigit() for other in others)
    assert others == alternatives(found, count=500, seed=1)
    assert others != alternatives(found, count=500, seed=2)
    assert alternatives(found, count=0, seed=1) == []


def test_when_as_many_are_wanted_as_there_are_it_is_all_of_them() -> None:
    found = canary("0007")
    everything = [f"Bradelfen has {number:04}." for number in range(10_000) if number != 7]
    assert alternatives(found, count=9_999, seed=3) == alternatives(found, count=10**9, seed=4) == everything
    assert sorted(alternatives(found, count=9_998, seed=3)) != everything
    assert set(alternatives(found, count=9_998, seed=3)) < set(everything)


def test_every_secret_is_as_likely_as_any_other() -> None:
    draws = [
        other.split()[2][:-1] for seed in range(40) for other in alternatives(canary("5555"), count=500, seed=seed)
    ]
    for place in range(4):
        counts = Counter(secret[place] for secret in draws)
        assert chisquare([counts[digit] for digit in "0123456789"]).pvalue > 1e-4


def test_sizes_past_64_bits_are_none_too_large() -> None:
    others = alternatives(canary("a" * 32, "letters_and_digits"), count=50, seed=0)
    assert len({other[-33:-1] for other in others}) == 50


def test_what_is_no_canary_has_no_alternatives() -> None:
    for ask in (bits, repeats, lambda found: alternatives(found, count=1, seed=0)):
        with pytest.raises(ValueError, match="f:1 is no canary"):
            ask(row("a"))
    with pytest.raises(ValueError, match="at least 0"):
        alternatives(canary("1234"), count=-1, seed=0)
