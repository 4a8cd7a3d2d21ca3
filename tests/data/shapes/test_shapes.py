"""What each shape makes of a row, and why it refuses one."""

from __future__ import annotations

import json
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
CALL = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "c1", "content": "x"}
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
    ("chat", {"messages": [U, A], "tools": "{"}, "wrong_tools"),
    ("chat", {"messages": [U, A], "tools": [1]}, "wrong_tools"),
    ("chat", {"messages": [U, "Hello"]}, "turn_not_an_object"),
    ("chat", {"messages": [U, {"role": "tool", "content": "x"}, A]}, "result_without_call"),
    ("chat", {"messages": [U, CALL, {"role": "tool", "content": "x", "tool_call_id": "c2"}, A]}, "result_without_call"),
    ("chat", {"messages": [U, {"role": "judge", "content": "x"}, A]}, "wrong_role"),
    ("chat", {"messages": [U, {**A, "audio": {"id": 1}}]}, "unknown_turn_key"),
    (
        "chat",
        {"messages": [U, {**A, "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
        "wrong_arguments",
    ),
    (
        "chat",
        {"messages": [U, {**A, "tool_calls": [{"function": {"name": "f", "arguments": [1]}}]}]},
        "wrong_arguments",
    ),
    ("chat", {"messages": [U, {**A, "tool_calls": {"name": "f"}}]}, "wrong_tool_calls"),
    ("chat", {"messages": [U, {**A, "tool_calls": [{"type": "code", "name": "f"}]}]}, "wrong_tool_calls"),
    ("chat", {"messages": [U, {**A, "tool_calls": [{"id": 1, "name": "f"}]}]}, "not_text"),
    ("chat", {"messages": [U, {**A, "tool_calls": [{"id": "a", "name": "f"}] * 2}]}, "wrong_tool_calls"),
    ("chat", {"messages": [U, {**U, "tool_calls": [{"name": "f"}]}, A]}, "unknown_turn_key"),
    ("chat", {"messages": [U, CALL, RESULT, RESULT, A]}, "result_without_call"),
    ("chat", {"messages": [U, CALL, U, RESULT, A]}, "result_without_call"),
    ("chat", {"messages": [U, CALL, {**RESULT, "content": {"a": 1}}, A]}, "not_text"),
    ("chat", {"messages": [U, {"role": "assistant", "content": None}]}, "not_text"),
    ("chat", {"messages": [U, {**A, "reasoning": "a", "thinking": "b"}]}, "two_reasonings"),
    ("chat", {"messages": [U, {**A, "reasoning_content": 3}]}, "not_text"),
    ("chat", {"messages": [{**U, "reasoning_content": "a"}, A]}, "unknown_turn_key"),
    ("chat", {"messages": [U, A], "tools": [{"function": {"description": "x"}}]}, "wrong_tools"),
    ("chat", {"messages": [U, A], "tools": [{"name": "f", "parameters": "none"}]}, "wrong_tools"),
    ("chat", {"messages": [U, A], "tools": {"name": "f"}}, "wrong_tools"),
    ("chat", {"messages": [U, A], "tools": [{"name": "f", "x": float("nan")}]}, "wrong_tools"),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "x"}, {"from": "function_call", "value": "[]"}]},
        "wrong_tool_calls",
    ),
    ("sharegpt", {"conversations": [{"from": "system", "value": "x"}], "system": "y"}, "two_system_turns"),
    ("sharegpt", {"conversations": [{"from": "human", "value": 3}]}, "not_text"),
    ("sharegpt", {"conversations": [{"from": "someone", "value": "x"}]}, "wrong_role"),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": "x"}, {"from": "function_call", "value": "f("}]},
        "wrong_tool_calls",
    ),
    ("sharegpt", {"conversations": []}, "no_turns"),
    ("text", {"text": " "}, "empty_text"),
    ("text", {"text": 3}, "not_text"),
    ("chat", {"messages": [U, {"role": ["assistant"], "content": "x"}]}, "wrong_role"),
    ("chat", {"messages": [U, {"role": "assistant", "content": " \n"}]}, "empty_turn"),
    ("chat", {"messages": [U, {"role": "assistant", "content": [{"type": "text", "text": "x"}]}]}, "not_text"),
    ("chat", {"messages": [U, {**A, "tool_calls": [{"id": 1}]}]}, "wrong_tool_calls"),
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
    messages, found, tools = every("shapes")[name].convert(value)[:3]
    assert tools == ()
    assert messages == ({"role": "user", "content": question}, {"role": "assistant", "content": answer})
    assert found == label


@pytest.mark.parametrize(("name", "value", "reason"), BAD)
def test_a_bad_row_says_why(name: str, value: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        every("shapes")[name].convert(value)
    assert caught.value.reason == reason


def test_chat_keeps_turns_and_weights_and_passes_empty_extras() -> None:
    value = {"messages": [U, {**A, "weight": 0, "tool_calls": None}, U, {**A, "weight": 1, "refusal": ""}], "id": 7}
    messages, label, _tools = every("shapes")["chat"].convert(value)[:3]
    assert messages == (U, {**A, "weight": 0.0}, U, A)
    assert label is None


def test_columns_and_the_prompt_may_be_named() -> None:
    options = catalog.options("shapes", "labelled")(text="body", label="class", prompt="Is it {text}? {x}")
    messages, label, _tools = catalog.work("shapes", "labelled")(options).convert({"body": "{label}", "class": "b"})[:3]
    assert messages[0]["content"] == "Is it {label}? {x}"
    assert label == "b"


def test_a_prompt_without_a_place_is_the_users_mistake() -> None:
    with pytest.raises(UserError, match="no place for the text"):
        catalog.work("shapes", "labelled")(catalog.options("shapes", "labelled")(prompt="Classify."))


@pytest.mark.parametrize(("name", "value"), [(row[0], row[1]) for row in GOOD] + [("chat", {"messages": [U, A]})])
def test_detection_finds_exactly_one_shape(name: str, value: dict[str, Any]) -> None:
    columns = frozenset(value)
    assert [found for found, shape in every("shapes").items() if shape.fits(columns, value)] == [name]


def test_a_document_is_one_turn_without_a_speaker() -> None:
    messages, label, tools = every("shapes")["text"].convert({"text": "Once upon a time."})[:3]
    assert messages == ({"role": "document", "content": "Once upon a time."},)
    assert (label, tools) == (None, ())


TOOL = {"name": "look_up", "parameters": {"type": "object", "properties": {"word": {"type": "string"}}}}


def test_calls_of_tools_keep_their_arguments_as_a_mapping() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"word": "axe"}'}}
    turns = [U, {"role": "assistant", "content": None, "tool_calls": [call]}]
    turns += [{"role": "tool", "tool_call_id": "c1", "content": "a tool"}, A]
    messages, _label, tools = every("shapes")["chat"].convert({"messages": turns, "tools": [TOOL]})[:3]
    assert messages[1]["tool_calls"][0]["function"] == {"name": "look_up", "arguments": {"word": "axe"}}
    assert messages[1]["content"] == ""
    assert messages[2] == {"role": "tool", "tool_call_id": "c1", "content": "a tool"}
    assert tools == ({"type": "function", "function": TOOL},)


@pytest.mark.parametrize(
    "arguments",
    ['{"a": NaN}', '{"a": 1, "a": 2}', "[" * 99, '{"a": "\\ud800"}', '{"a": ' + "[" * 40 + "]" * 40 + "}", "3"],
)
def test_arguments_that_are_no_json_object(arguments: str) -> None:
    call = {"role": "assistant", "tool_calls": [{"name": "f", "arguments": arguments}]}
    with pytest.raises(RowProblem) as caught:
        every("shapes")["chat"].convert({"messages": [U, call]})
    assert caught.value.reason == "wrong_arguments"


def test_calls_at_once_are_answered_in_any_order_with_ids_and_in_order_without() -> None:
    calls = [{"id": name, "name": "f", "arguments": {}} for name in ("a", "b")]
    results = [{"role": "tool", "tool_call_id": name, "content": name} for name in ("b", "a")]
    messages, _label, _tools = every("shapes")["chat"].convert(
        {"messages": [U, {"role": "assistant", "tool_calls": calls}, *results, A]}
    )[:3]
    assert [turn.get("tool_call_id") for turn in messages] == [None, None, "b", "a", None]
    bare = [{"name": "f"}, {"name": "g"}]
    turns = [U, {"role": "assistant", "tool_calls": bare}, *({"role": "tool", "content": "x"} for _ in bare), A]
    messages, _label, _tools = every("shapes")["chat"].convert({"messages": turns})[:3]
    assert [call["function"] for call in messages[1]["tool_calls"]] == [{"name": n, "arguments": {}} for n in "fg"]


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning", "thinking"])
def test_reasoning_has_one_name(name: str) -> None:
    messages, _label, _tools = every("shapes")["chat"].convert({"messages": [U, {**A, name: "Because."}]})[:3]
    assert messages[1] == {**A, "reasoning_content": "Because."}


def test_the_developer_is_the_system() -> None:
    messages, _label, _tools = every("shapes")["chat"].convert({"messages": [{**U, "role": "developer"}, U, A]})[:3]
    assert messages[0] == {"role": "system", "content": "Hi"}


def test_sharegpt_with_tools_is_the_same_conversation() -> None:
    turns = [
        {"from": "human", "value": "Hi"},
        {"from": "function_call", "value": '{"name": "look_up", "arguments": {"word": "axe"}}'},
        {"from": "observation", "value": "a tool"},
        {"from": "gpt", "value": "Hello"},
    ]
    value = {"conversations": turns, "system": "Be brief.", "tools": json.dumps([TOOL])}
    messages, _label, tools = every("shapes")["sharegpt"].convert(value)[:3]
    call = {"type": "function", "function": {"name": "look_up", "arguments": {"word": "axe"}}}
    assert messages == (
        {"role": "system", "content": "Be brief."},
        U,
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "a tool"},
        A,
    )
    assert tools == ({"type": "function", "function": TOOL},)
    assert [name for name, shape in every("shapes").items() if shape.fits(frozenset(value), value)] == ["sharegpt"]
