"""What a written answer means."""

from __future__ import annotations

import random

import pytest

from tunewright.evaluate.archives.said import choice_said, is_right, normal


@pytest.mark.parametrize(
    ("answer", "choices", "said"),
    [
        ("B", "ABCD", "B"),
        (" b. ", "ABCD", "B"),
        ("(C) because", "ABCD", "C"),
        ("D: the last", "ABCD", "D"),
        ("**A**", "ABCD", "A"),
        ("A man walks in", "ABCD", None),
        ("Because", "ABCD", None),
        ("The answer is B", "ABCD", None),
        ("E", "ABCD", None),
        ("", "ABCD", None),
        ("Yes", ("yes", "no"), "yes"),
        ("No, it is not.", ("yes", "no"), "no"),
        ("yes.", ("yes", "no"), "yes"),
        ("nothing", ("yes", "no"), None),
        ("maybe so", ("yes", "no", "maybe"), "maybe"),
        ("New York City", ("New York", "New York City"), "New York City"),
        ("New York.", ("New York", "New York City"), "New York"),
        ("new york is it", ("New York", "New York City"), "New York"),
        ("New Yorker", ("New York", "New York City"), None),
    ],
)
def test_a_choice_is_read_out_of_an_answer(answer: str, choices, said: str | None) -> None:
    assert choice_said(answer, list(choices)) == said


def test_every_choice_is_itself_whatever_the_case(seed: int = 3) -> None:
    drawn = random.Random(seed)
    for _ in range(300):
        choices = list(
            {"".join(drawn.choices("abc XYZ.,", k=drawn.randint(1, 9))).strip(" .,") for _ in range(4)} - {""}
        )
        for choice in choices:
            found = choice_said(choice.upper(), choices)
            assert found is not None and found.casefold() == choice.casefold()


def test_right_answers_are_compared_as_open_questions_are() -> None:
    assert normal("The  U.S.A., a   land") == "usa land"
    assert is_right("the Eiffel tower.", ["Tour Eiffel", "Eiffel Tower"])
    assert not is_right("Eiffel", ["Eiffel Tower"])
    assert not is_right("...", ["the"])
