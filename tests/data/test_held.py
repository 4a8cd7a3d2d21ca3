"""Training rows that hold a measured row: planted ones are found, others are not, whatever stands around them."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.builders import row
from tunewright.core.ports import Converted, Message, Row
from tunewright.data.held import held, likeness
from tunewright.data.rows import make_row

WORDS = [f"{start}{end}" for start in "abcdefghijklmnopqrst" for end in ("ard", "est", "ilk", "orn", "unt", "ymp")]


def text(words: int, draw: random.Random) -> str:
    return " ".join(draw.choices(WORDS, k=words))


def rows(count: int, draw: random.Random, *, words: int = 15) -> list[Row]:
    return [row(text(words, draw), text(3, draw), line=number) for number in range(count)]


def talk(*turns: str) -> Row:
    said: tuple[Message, ...] = tuple(
        {"role": ("user", "assistant")[at % 2], "content": turn} for at, turn in enumerate(turns)
    )
    return make_row(Converted(said), source="t", line=1)


def test_rows_that_are_not_related_hold_nothing() -> None:
    draw = random.Random(1)
    assert held(rows(500, draw), rows(200, draw)) == {}
    assert held(rows(5, draw), []) == {}
    assert held([], rows(5, draw)) == {}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), words=st.integers(12, 150), changed=st.integers(0, 2), answer=st.booleans())
def test_a_copy_with_two_other_words_is_found(seed: int, words: int, changed: int, answer: bool) -> None:
    """Words at the ends, where a change breaks fewest runs, or anywhere; with its answer or another one."""
    draw = random.Random(seed)
    measured = rows(30, draw, words=words)
    said = (measured[7].messages[0].get("content") or "").split()
    for place in draw.sample(range(words), k=changed):
        said[place] = f"other{place}"
    copy = row(" ".join(said).upper() + "?!", measured[7].target if answer else "quite another one")
    train = [*rows(20, draw), copy, *rows(20, draw)]
    found = held(train, measured)
    assert set(found) == {20}
    assert found[20].measured == 7
    assert found[20].kind == ("near" if changed else "exact")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), words=st.integers(14, 50))
def test_clauses_may_stand_in_another_order(seed: int, words: int) -> None:
    draw = random.Random(seed)
    measured = rows(30, draw, words=words)
    said = (measured[3].messages[0].get("content") or "").split()
    cut = draw.randint(words // 3, 2 * words // 3)
    found = held([*rows(9, draw), row(", ".join(said[cut:] + said[:cut]))], measured)
    assert {place: one.measured for place, one in found.items()} == {9: 3}


def test_a_common_frame_is_no_overlap() -> None:
    """Requests of one form differ in one rare word; with 12 words and more, eleven of them the same."""
    frame = "please tell me in one short sentence what the capital city of {} is"
    names = [f"{start}{end}" for start in WORDS[:40] for end in ("land", "stan")]
    measured = [row(frame.format(name), name[::-1]) for name in names[:30]]
    train = [row(frame.format(name), name[::-1]) for name in names[30:]]
    assert held(train, measured) == {}
    found = held([*train, measured[4]], measured)
    assert {place: (one.measured, one.kind) for place, one in found.items()} == {len(train): (4, "exact")}


def test_a_form_letter_counts_with_its_answer_alone() -> None:
    measured = [row("Write a poem.", f"roses are {word}") for word in WORDS[:20]]
    found = held([row("write a poem", "violets are blue"), row("write a poem", "Roses are " + WORDS[3])], measured)
    assert {place: one.measured for place, one in found.items()} == {1: 3}


def test_an_earlier_turn_is_looked_at_too() -> None:
    draw = random.Random(2)
    measured = rows(20, draw)
    asked = measured[5].messages[0].get("content") or ""
    found = held([talk("hello there", "hi", asked, "one", "thanks", "you are welcome")], measured)
    assert found[0].measured == 5 and found[0].kind == "exact"


def test_a_measured_text_inside_a_long_document_is_found() -> None:
    draw = random.Random(3)
    measured = rows(20, draw, words=30)
    inside = measured[5].messages[0].get("content") or ""
    document = make_row(
        Converted(({"role": "document", "content": f"{text(700, draw)} {inside} {text(700, draw)}"},)),
        source="d",
        line=1,
    )
    assert held([document], measured)[0].measured == 5


@pytest.mark.parametrize("words", [1, 3, 6])
def test_what_is_short_is_found_exactly_alone(words: int) -> None:
    draw = random.Random(4)
    asked = text(words, draw)
    inside = row(f"{text(20, draw)} {asked} yes {text(20, draw)}")
    found = held([row(asked + "."), inside], [row(asked, "yes")])
    assert set(found) == {0}


def test_signs_alone_are_compared_as_they_stand() -> None:
    assert set(held([row("🙂 🙂"), row("🙃")], [row("🙂🙂")])) == {0}


def test_the_share_of_words_is_plain_or_weighted_whichever_is_less() -> None:
    wanted, weights = np.array([1, 2, 3, 4], np.int32), np.array([0.0, 1, 1, 1, 5])
    assert likeness(wanted, np.array([1, 2, 3, 9][:3], np.int32), weights=weights) == pytest.approx(3 / 8)
    assert likeness(wanted, np.array([4, 3, 2, 1], np.int32), weights=weights) == 1
    assert likeness(wanted, np.array([4, 4], np.int32), weights=weights) == pytest.approx(1 / 4)
    assert likeness(wanted, np.zeros(0, np.int32), weights=weights) == 0
