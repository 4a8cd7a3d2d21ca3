"""Streamed text is the text of all tokens; stop strings end it wherever tokens are cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from tunewright.models.wording import Wording


class Pieces:
    """A byte-level tokenizer with one token a byte, through the tokenizers library's own decoder."""

    def __init__(self) -> None:
        from tokenizers.pre_tokenizers import ByteLevel

        alphabet = sorted(ByteLevel.alphabet())
        self.tokenizer = Tokenizer(models.BPE(vocab={letter: at for at, letter in enumerate(alphabet)}, merges=[]))
        self.tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
        self.tokenizer.decoder = decoders.ByteLevel()

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids

    def decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(list(ids))


PIECES = Pieces()
text = st.text(alphabet="ab \né€😀\u0301", max_size=40)


@given(text)
def test_pieces_make_the_whole(said: str) -> None:
    ids = PIECES.encode(said)
    wording = Wording(PIECES.decode)
    shown = "".join(wording.add(token) for token in ids) + wording.end()
    assert shown == PIECES.decode(ids) == said == wording.text


@settings(max_examples=300)
@given(text, st.lists(st.text(alphabet="ab \né", min_size=1, max_size=4), min_size=1, max_size=3))
def test_stop_strings_end_the_text_where_they_begin(said: str, stops: list[str]) -> None:
    wording = Wording(PIECES.decode, stops)
    shown = ""
    for token in PIECES.encode(said):
        shown += wording.add(token)
        if wording.stopped:
            break
    shown += wording.end()
    found = [at for stop in stops if (at := said.find(stop)) >= 0]
    ends = min(at + len(stop) for stop in stops if (at := said.find(stop)) >= 0) if found else None
    assert shown == wording.text
    if ends is None:
        assert shown == said
        assert not wording.stopped
    else:
        assert wording.stopped
        assert not any(stop in shown for stop in stops)
        assert said.startswith(shown)
        assert any(said[len(shown) :].startswith(stop) for stop in stops)


def test_half_a_character_is_held_back() -> None:
    wording = Wording(PIECES.decode)
    assert [wording.add(token) for token in PIECES.encode("é!")] == ["", "é", "!"]


def test_bytes_that_never_become_a_character_are_shown_at_the_end() -> None:
    wording = Wording(PIECES.decode)
    ids = PIECES.encode("a€")[:-1]
    shown = "".join(wording.add(token) for token in ids)
    assert shown == "a"
    assert (shown + wording.end()) == PIECES.decode(ids)


@pytest.mark.parametrize("stops", [[], [""]])
def test_no_stop_string_stops_nothing(stops: list[str]) -> None:
    wording = Wording(PIECES.decode, stops)
    assert [wording.add(token) for token in PIECES.encode("ab")] == ["a", "b"]
    assert wording.end() == ""
