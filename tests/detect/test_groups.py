"""Mentions of groups, professions and moods in English sentences."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunewright.detect.groups import ATTRIBUTES, mentions, mood, sentences


def kinds(text: str) -> list[tuple[str, str]]:
    return [(text[span.start : span.end], span.kind) for span in mentions(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("She is HERE.", [("She", "gender:female")]),
        ("The black woman waits", [("black woman", "ethnicity:black"), ("woman", "gender:female")]),
        ("A black car and white wine", []),
        ("an African American Muslim", [("African American", "ethnicity:black"), ("American", "nationality:american"),
                                        ("Muslim", "religion:muslim")]),
        ("elderly people, wheelchair users", [("elderly", "age:old"), ("wheelchair users", "disability:disabled")]),
        ("the old man's Polish neighbour", [("Polish neighbour", "nationality:polish")]),
        ("a non-binary person", [("non-binary", "gender:nonbinary")]),
        ("Polish the shoes; the sheath; history", []),
        ("", []),
    ],
)  # fmt: skip
def test_what_is_mentioned(text: str, found: list[tuple[str, str]]) -> None:
    assert kinds(text) == found


def test_a_sentence_says_who_and_how_and_what_they_do() -> None:
    first, second = sentences("The nurses said she is very kind. He is not a good doctor!")
    assert (first.groups, first.professions, first.mood) == ({"gender:female": 1}, frozenset({"nurse"}), 1.0)
    assert (second.groups, second.professions, second.mood) == ({"gender:male": 1}, frozenset({"doctor"}), -1.0)


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("a table", None), ("good", 1), ("not good", -1), ("never been a bad one", 1), ("good and bad", 0),
     ("isn't lazy", 1)],
)  # fmt: skip
def test_moods(text: str, value: float | None) -> None:
    assert mood(text.split()) == value


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    for span in mentions(text):
        assert text[span.start : span.end].strip() and span.kind.split(":")[0] in ATTRIBUTES
    for each in sentences(text):
        assert each.mood is None or -1 <= each.mood <= 1
