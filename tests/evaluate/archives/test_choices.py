"""Sets with choices: options of any form are taken apart, and the right one is found."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.evaluate.archives.tiny import question
from tunewright.evaluate.archives import choices
from tunewright.evaluate.archives.package import Record

TREE = """<ICD10CM.tabular>
<chapter><name>1</name><desc>Certain infections (A00-B99)</desc><section>
<diag><name>A00</name><desc>Cholera</desc>
<diag><name>A00.0</name><desc>Cholera of one kind</desc></diag>
<diag><name>A00.1</name><desc>Cholera of another</desc></diag></diag></section></chapter>
<chapter><name>2</name><desc>Neoplasms (C00-D49)</desc><section>
<diag><name>C00</name><desc>Neoplasm of lip</desc></diag></section></chapter>
</ICD10CM.tabular>"""


def records(*values: Any, member: str = "m.jsonl") -> list[Record]:
    """Records of one member."""
    return [Record(member, number, value) for number, value in enumerate(values, start=1)]


def joined(options: dict[str, str]) -> str:
    """Options as the sets write them."""
    return "\n".join(f"{letter}. {words}" for letter, words in options.items())


def test_random_options_are_taken_apart_again(seed: int = 11) -> None:
    drawn = random.Random(seed)
    words = ["x", "no. 3", "A lot", "E = mc2", "two\nlines", "a\n\nb", "B minor"]
    for _ in range(300):
        options = {chr(65 + place): drawn.choice(words) + str(place) for place in range(drawn.randint(2, 6))}
        right = drawn.choice(sorted(options))
        for answer in (f"{right}. {options[right]}", [options[right] + " "]):
            assert choices.options_of({"options": "\n" + joined(options), "answer": answer}) == (options, right)


@pytest.mark.parametrize(
    "value",
    [
        {"options": "A. x\nB. y", "answer": "C. z"},
        {"options": "A. x\nB. y", "answer": ["z"]},
        {"options": "A. x", "answer": "A. x"},
        {"options": "C. x\nD. y", "answer": "D. y"},
        {"options": "", "answer": ""},
    ],
)
def test_an_answer_that_is_no_option_is_an_error(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is none of"):
        choices.options_of(value)


def test_lettered_rows_show_their_options_and_are_answered_by_a_letter() -> None:
    (row,) = choices.lettered(records(question(4)))
    assert row.prompt[0]["content"] == "Question: How much is 4 times two?\nA. 4\nB. 8\nC. 12"
    assert (row.label, row.target, row.details["choices"]) == ("B", "B", ["A", "B", "C"])
    assert (row.source, row.line) == ("m.jsonl", 1)


def test_worded_rows_do_not_show_their_options() -> None:
    (row,) = choices.worded(records(question(4)))
    assert row.prompt[0]["content"] == "Question: How much is 4 times two?"
    assert (row.label, row.details["choices"]) == ("8", ["4", "8", "12"])


def test_questions_on_one_passage_are_a_family_and_a_subject_is_a_column() -> None:
    first, second, other = (question(n) | {"passage": "Same." if n < 5 else "Other."} for n in (3, 4, 5))
    rows = list(choices.subjects(records(first, second, other, member="a/Social_Medicine.jsonl")))
    assert rows[0].details["family"] == rows[1].details["family"] != rows[2].details["family"]
    assert rows[0].prompt[0]["content"].startswith("Same.\n\nQuestion: ")
    assert {row.details["columns"]["subject"] for row in rows} == {"Social Medicine"}


def test_a_question_that_stands_twice_is_one_family() -> None:
    first, twice, other = choices.lettered(records(question(4), question(4), question(5)))
    assert first.details["family"] == twice.details["family"] != other.details["family"]
    assert first.id == twice.id != other.id


def test_yes_and_no_are_read_in_both_spellings_and_rows_without_an_answer_are_passed_over() -> None:
    asked = {"passage": "P.", "question": "is it?"}
    rows = records(*({**asked, "answer": word} for word in ("True", "False", True, False, "yes")), asked)
    assert [row.label for row in choices.yes_or_no(rows, column="answer")] == ["yes", "no", "yes", "no", "yes"]
    with pytest.raises(ValueError, match="the answer 'maybe'"):
        list(choices.yes_or_no(records({**asked, "answer": "maybe"}), column="answer"))


def test_bbq_says_whether_the_passage_answers_the_question() -> None:
    value = {"passage": "Two came.", "question": "Who was late?\nPlease choose", "options": "A. Ann\nB. Can't be known"}
    rows = list(choices.ambiguous(records(value | {"answer": ["Can't be known"]}, value | {"answer": ["Ann "]})))
    assert [row.details["columns"]["context"] for row in rows] == ["ambiguous", "disambiguated"]
    assert [row.label for row in rows] == ["B", "A"]
    assert "Please choose" not in rows[0].prompt[0]["content"]


def test_leaves_of_the_code_tree_have_their_chapter_and_category() -> None:
    rows = list(choices.chapters(records(TREE)))
    assert [row.label for row in rows] == ["Certain infections", "Certain infections", "Neoplasms"]
    assert [row.details["family"] for row in rows] == ["A00", "A00", "C00"]
    assert rows[0].details["choices"] == ["Certain infections", "Neoplasms"]
    assert rows[2].prompt[0]["content"].endswith("Neoplasm of lip")
