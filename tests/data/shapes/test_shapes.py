"""What each shape makes of a row, and why it refuses one."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.builders import every
from tunewright.core import catalog
from tunewright.core.errors import UserError
from tunewright.core.ports import RowProblem

GOOD = [
    ("alpaca", {"instruction": "Add", "input": "1 2", "output": "3"}, "Add\n\n1 2", "3", None),
    ("alpaca", {"instruction": "Add", "output": "3"}, "Add", "3", None),
    ("alpaca", {"instruction": "Add", "input": " ", "output": "3"}, "Add", "3", None),
    ("prompt_completion", {"prompt": "Hi", "completion": " there"}, "Hi", " there", None),
    ("question_answer", {"question": "Who?", "context": "Ann.", "answer": "Ann"}, "Ann.\n\nWho?", "Ann", None),
    ("question_answer", {"question": "Who?", "context": None, "answer": "Ann"}, "Who?", "Ann", None),
    ("labelled", {"text": "Good!", "label": "positive"}, "Good!", "positive", "positive"),
    ("labelled", {"text": "Good!", "label": 0}, "Good!", "0", "0"),
    ("labelled", {"text": "Good!", "label": True}, "Good!", "true", "true"),
]
U, A = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
BAD = [
    ("alpaca", {"instruction": "Add"}, "missing_column"),
    ("alpaca", {"instruction": " ", "output": "3"}, "empty_text"),
    ("alpaca", {"instruction": "Add", "input": 3, "output": "3"}, "not_text"),
    ("prompt_completion", {"prompt": ["Hi"], "completion": "x"}, "not_text"),
    ("prompt_completion", {"prompt": "Hi", "completion": ""}, "empty_text"),
    ("question_answer", {"question": "Who?", "answer": None}, "missing_column"),
    ("labelled", {"text": "x", "label": 0.5}, "wrong_label"),
    ("labelled", {"text": "x", "label": ["a"]}, "wrong_label"),
    ("labelled", {"text": "x", "label": " "}, "empty_text"),
    ("labelled", {"text": "x", "label": None}, "missing_column"),
    ("chat", {"messages": []}, "no_turns"),
    ("chat", {"messages": "Hi"}, "no_turns"),
    ("chat", {"messages": [U, A], "tools": [{"name": "f"}]}, "tools_in_row"),
    ("chat", {"messages": [U, "Hello"]}, "turn_not_an_object"),
    ("chat", {"messages": [U, {"role": "tool", "content": "x"}, A]}, "wrong_role"),
    ("chat", {"messages": [U, {"role": ["assistant"], "content": "x"}]}, "wrong_role"),
    ("chat", {"messages": [U, {"role": "assistant", "content": " \n"}]}, "empty_turn"),
    ("chat", {"messages": [U, {"role": "assistant", "content": [{"type": "text", "text": "x"}]}]}, "not_text"),
    ("chat", {"messages": [U, {**A, "tool_calls": [{"id": 1}]}]}, "unknown_turn_key"),
    ("chat", {"messages": [U, {**A, "weight": 0.5}]}, "wrong_weight"),
    ("chat", {"messages": [U, {**A, "weight": True}]}, "wrong_weight"),
    ("chat", {"messages": [{**U, "weight": 1}, A]}, "wrong_weight"),
    ("chat", {"messages": [U, A, {"role": "system", "content": "x"}, A]}, "system_not_first"),
    ("chat", {"messages": [A]}, "no_user_first"),
    ("chat", {"messages": [{"role": "system", "content": "x"}]}, "no_user_first"),
    ("chat", {"messages": [U, A, U]}, "no_answer_last"),
]


@pytest.mark.parametrize(("name", "value", "question", "answer", "label"), GOOD)
def test_a_good_row(name: str, value: dict[str, Any], question: str, answer: str, label: str | None) -> None:
    messages, found = every("shapes")[name].convert(value)
    assert messages == ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    assert found == label


@pytest.mark.parametrize(("name", "value", "reason"), BAD)
def test_a_bad_row_says_why(name: str, value: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        every("shapes")[name].convert(value)
    assert caught.value.reason == reason


def test_chat_keeps_turns_and_weights_and_passes_empty_extras() -> None:
    value = {"messages": [U, {**A, "weight": 0, "tool_calls": None}, U, {**A, "weight": 1, "refusal": ""}], "id": 7}
    messages, label = every("shapes")["chat"].convert(value)
    assert messages == (U, {**A, "weight": 0.0}, U, A)
    assert label is None


def test_columns_and_the_prompt_may_be_named() -> None:
    options = catalog.options("shapes", "labelled")(text="body", label="class", prompt="Is it {text}? {x}")
    messages, label = catalog.work("shapes", "labelled")(options).convert({"body": "{label}", "class": "b"})
    assert messages[0]["content"] == "Is it {label}? {x}"
    assert label == "b"


def test_a_prompt_without_a_place_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="no place for the text"):
        catalog.work("shapes", "labelled")(catalog.options("shapes", "labelled")(prompt="Classify."))


@pytest.mark.parametrize(("name", "value"), [(row[0], row[1]) for row in GOOD] + [("chat", {"messages": [U, A]})])
def test_detection_finds_exactly_one_shape(name: str, value: dict[str, Any]) -> None:
    columns = frozenset(value)
    assert [found for found, shape in every("shapes").items() if shape.fits(columns, value)] == [name]
