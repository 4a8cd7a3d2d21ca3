"""Words, numbers and names; off topic, support by a source, and repetition, on texts whose answer is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.evaluate.fakes import labelled
from tunewright.core.answers import AnsweredRow
from tunewright.evaluate.scoring.repetition import loop_share, repeated, repeated_ngrams
from tunewright.evaluate.scoring.topic import is_off_topic, support
from tunewright.evaluate.scoring.words import content_words, count_words, names, number_words, numbers, stem


@pytest.mark.parametrize(
    "family",
    [("infection", "infected", "infecting"), ("heart", "hearts", "heart's"), ("study", "studies")],
)
def test_forms_of_a_word_have_one_stem(family: tuple[str, ...]) -> None:
    assert len({stem(word) for word in family}) == 1


@pytest.mark.parametrize(("one", "other"), [("heart", "health"), ("lung", "long"), ("vein", "artery"), ("as", "is")])
def test_other_words_have_other_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)


def test_content_is_what_stop_words_and_numbers_leave() -> None:
    assert content_words("It is the heart that doesn’t pump 5 litres") == ["heart", "pump", "litr"]
    assert content_words("心臓病") == ["心臓", "臓病"]
    assert content_words("") == []
    assert count_words("It is, well-known: 3.5!") == 6
    assert count_words("हिन्दी में i\u0307stanbul") == 3


def test_numbers_have_one_form() -> None:
    assert numbers("1. First 1,200 and 1200.0, then 007 and 3.50 or 2,5") == ["1200", "1200", "7", "3.5", "2,5"]
    assert number_words("Two of twelve") == ["2", "12"]


def test_names_are_capital_words_inside_a_sentence() -> None:
    assert names("Yesterday we met Anna Müller in Oslo. Then it rained; I left.\n- Bread") == ["anna", "müller", "oslo"]


def asked(question: str, answer: str, *, context: str = "") -> AnsweredRow:
    """An answer to a question about a source."""
    row = labelled(question, "")
    return AnsweredRow(replace(row, details={"context": context} if context else {}), answer, finish="stop")


@pytest.mark.parametrize(
    ("question", "answer", "off"),
    [
        ("How do I bake bread?", "Knead flour, water, yeast and salt, then bake it for forty minutes.", False),
        (
            "How do I bake bread?",
            "Parliament adjourned after long debates concerning railway subsidies.",
            True,
        ),
        ("How do I bake bread?", "Bread prices and politics: parliament adjourned after long railway debates.", False),
        ("How do I bake bread?", "Flour.", None),
        ("", "Knead flour, water, yeast and salt, then wait for hours.", None),
    ],
)
def test_an_answer_is_off_topic_when_it_shares_no_word(question: str, answer: str, off: bool | None) -> None:
    assert is_off_topic(asked(question, answer), 5) is off


SOURCE = "Anna Berg founded the clinic in Oslo in 1998. It treats 1,200 patients a year and employs twelve doctors."


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("The clinic was founded by Anna Berg in 1998.", 1.0),
        ("It treats 1200 patients with 12 doctors.", 1.0),
        ("The clinic was founded by Anna Berg in 1989.", 0.0),
        ("The clinic in Oslo was founded by Anna Lund.", 2 / 3),
        ("The clinic treats patients and runs a pharmacy.", 3 / 5),
        ("", None),
        ("It is.", None),
    ],
)
def test_support_is_the_least_of_words_numbers_and_names(answer: str, value: float | None) -> None:
    found = support(answer, context=SOURCE, question="Who founded it?")
    assert found == (None if value is None else pytest.approx(value))


def test_words_of_the_question_need_no_source() -> None:
    assert (
        support("Peter asked about pumps.", context="Something else.", question="Peter asks about pumps, why?") == 1.0
    )


@pytest.mark.parametrize("seed", range(20))
def test_repeated_sequences_are_counted_as_defined(seed: int) -> None:
    random = np.random.default_rng(seed)
    said = [str(word) for word in random.choice(["a", "b", "c"], int(random.integers(0, 40)))]
    for length in (1, 2, 4):
        every = [" ".join(said[start : start + length]) for start in range(len(said) - length + 1)]
        expected = (len(every) - len(set(every))) / len(every) if every else 0.0
        assert repeated_ngrams(" ".join(said), length) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("", 0.0),
        ("A good answer that says each thing once.", 0.0),
        ("no no no", 0.0),
        ("x" * 500, 1.0),
        ("Well: " + "ha" * 47, 94 / 100),
        ("It ends so. " * 50, 1.0),
        ("心臓" * 3000, 1.0),
        ("a" * 10_000 + "b", 0.0),
    ],
)
def test_a_closing_loop_is_found(text: str, share: float) -> None:
    assert loop_share(text) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("seed", range(10))
def test_a_planted_loop_is_measured(seed: int) -> None:
    random = np.random.default_rng(seed)
    letters = list("abcdefghijklmnopqrstuvwxyz ")
    head = "".join(random.choice(letters, 300)).strip() + "#"
    piece = "".join(random.choice(letters[:-1], int(random.integers(5, 60))))
    turns = int(random.integers(5, 300))
    whole = head + piece * turns
    assert loop_share(whole) == pytest.approx(len(piece) * turns / len(whole), abs=2 / len(whole))
    assert repeated(whole, words=4) >= loop_share(whole)
