"""Words for comparison."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.data.builders import row
from tunewright.core.ports import Converted
from tunewright.data.rows import make_row
from tunewright.data.words import answer_text, prompt_text, rejected_text, words_of


def test_case_space_and_punctuation_do_not_count() -> None:
    assert words_of("Don't  STOP_now,\tMr. 3.5\n") == ["don", "t", "stop", "now", "mr", "3", "5"]
    assert words_of("Straße, NAÏVE") == ["strasse", "naïve"]
    assert words_of("我喜欢GPT吗?") == ["我", "喜", "欢", "gpt", "吗"]
    assert words_of("…!? 😀 \x1f") == []


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_text_has_the_words_that_a_pattern_finds(text: str) -> None:
    assert words_of(text) == re.findall("[a-z0-9]+", text.lower())


@given(st.text())
def test_words_are_letters_and_digits(text: str) -> None:
    words = words_of(text)
    assert all(letter.isalnum() for word in words for letter in word if letter.isascii())
    assert words_of(" ".join(words)) == words


def test_the_system_turn_is_no_part_of_a_row() -> None:
    turns = ({"role": "system", "content": "s"}, *row("q", "a").messages)
    found = make_row(Converted(turns, rejected=({"role": "assistant", "content": "r"},)), source="f", line=1)
    assert (prompt_text(found), answer_text(found), rejected_text(found)) == ("q", "a", "r")
