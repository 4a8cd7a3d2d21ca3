"""The linear scorer beside the lexicon: equal on every machine, quick, blind to no piece of a long text."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.detect.test_toxicity import CALM, TOXIC
from tunewright.detect.toxicity_linear import BITS, LEAST, MOST, WEIGHTS, combined, features, linear, pieces


def test_calm_texts_stay_below_one_half() -> None:
    assert [text for text in CALM if combined(text) >= 0.5] == ["A skin prick test shows whether you are allergic."]


def test_most_toxic_texts_are_found() -> None:
    assert sum(combined(text) >= 0.5 for text in TOXIC) >= len(TOXIC) - 1


def test_it_finds_what_no_word_list_has() -> None:
    calm = [text for text in CALM if linear(text) >= 0.5]
    assert len(calm) <= 2
    assert linear("you people make me sick and you should be ashamed to be alive") > 0.5


def test_one_bad_sentence_in_a_long_text_counts() -> None:
    long = "The report was sent to the board on Monday, and nothing in it was new to anybody. " * 20
    assert combined(long) < 0.5
    assert combined(long + "You are a worthless piece of garbage. " + long) >= 0.5


def test_pieces_hold_the_whole_text() -> None:
    text = "One. Two. " * 30 + "x" * 1000
    assert "".join(pieces(text)) == text
    assert all(len(piece) <= MOST for piece in pieces(text))
    assert all(len(piece.strip()) >= LEAST for piece in list(pieces("One. Two. " * 30))[:-1])


def test_places_are_fixed() -> None:
    words, runs = features("You are late.")
    assert (len(words), len(runs)) == (5, 50)
    assert words.tolist() == [330, 29469, 46245, 47386, 53982]
    assert max(words.max(), runs.max()) < 1 << BITS


def test_the_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 300_000


def test_it_is_quick() -> None:
    text = "The parcel was sent on Monday, and it will arrive within three days, she said. " * 3
    start = time.perf_counter()
    for number in range(200):
        combined(f"{number} {text}")
    assert time.perf_counter() - start < 2


@given(st.text(max_size=300))
def test_any_text_has_a_score(text: str) -> None:
    for scorer in (combined, linear):
        assert 0 <= scorer(text) <= 1
    assert features(text)[0].dtype == np.int64
