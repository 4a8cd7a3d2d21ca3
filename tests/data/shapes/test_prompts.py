"""Prompts without answers, and a right answer kept beside."""

from __future__ import annotations

from typing import Any

import pytest

from tests.data.builders import every
from tunewright.core import catalog
from tunewright.core.ports import Converted, RowProblem

U: Any = {"role": "user", "content": "Hi"}
A: Any = {"role": "assistant", "content": "Hello!"}
FORMS = [
    ({"prompt": "Hi"}, Converted((U,))),
    ({"prompt": [U]}, Converted((U,))),
    ({"messages": [U]}, Converted((U,))),
    ({"prompt": "Hi", "solution": "42"}, Converted((U,), details={"references": ["42"]})),
    ({"prompt": "Hi", "ground_truth": 42}, Converted((U,), details={"references": ["42"]})),
    ({"prompt": [U, A, U], "answer": None}, Converted((U, A, U))),
    ({"messages": [{"role": "system", "content": "s"}, U]}, Converted(({"role": "system", "content": "s"}, U))),
]
BAD = [
    ({"prompt": " "}, "empty_text"),
    ({"prompt": []}, "no_turns"),
    ({"messages": [U, A]}, "answer_last"),
    ({"messages": [A]}, "no_user_first"),
    ({"other": 1}, "missing_column"),
    ({"prompt": 3}, "no_turns"),
    ({"prompt": [U], "tools": [1]}, "wrong_tools"),
    ({"prompt": [{"role": "system", "content": "a"}, U], "system": "b"}, "two_system_turns"),
]


@pytest.mark.parametrize(("value", "wanted"), FORMS)
def test_every_form_is_read_and_detected(value: dict[str, Any], wanted: Converted) -> None:
    assert every("shapes")["prompts"].convert(value) == wanted
    assert [name for name, shape in every("shapes").items() if shape.fits(frozenset(value), value)] == ["prompts"]


@pytest.mark.parametrize(("value", "reason"), BAD)
def test_what_is_no_prompt_says_why(value: dict[str, Any], reason: str) -> None:
    with pytest.raises(RowProblem) as caught:
        every("shapes")["prompts"].convert(value)
    assert caught.value.reason == reason and caught.value.detail


def test_columns_can_be_named() -> None:
    options = catalog.options("shapes", "prompts")(prompt="question", reference="key", system="tone")
    row = catalog.work("shapes", "prompts")(options).convert({"question": "Hi", "key": {"b": 1, "a": 2}, "tone": "s"})
    assert row.details == {"references": ['{"a": 2, "b": 1}']} and row.messages[0]["role"] == "system"


def test_a_prompt_may_end_with_what_a_tool_said() -> None:
    call = {"type": "function", "function": {"name": "look", "arguments": {}}}
    turns = [U, {"role": "assistant", "content": "", "tool_calls": [call]}, {"role": "tool", "content": "x"}]
    assert every("shapes")["prompts"].convert({"messages": turns}).messages == tuple(turns)
    with pytest.raises(RowProblem, match="result_without_call"):
        every("shapes")["prompts"].convert({"messages": [U, turns[2]]})
